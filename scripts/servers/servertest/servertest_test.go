package servertest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVariable(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "K6ES_TEST_ES_OSS_7_10_2", Variable(FirstClass))
}

func TestStarted(t *testing.T) {
	t.Parallel()
	environment := []string{
		"K6ES_TEST_ES_OSS_7_10_2=http://127.0.0.1:1",
		"K6ES_TEST_ES_OSS_7_10_2_PID=17",
		"K6ES_TEST_ES_OSS_7_10_2_START='servers' again",
		"K6ES_TEST_OPENSEARCH_3_6_0=https://127.0.0.1:2",
		"K6ES_TEST_ES_8_19_21_SECURITY_CA=/certs/ca.pem",
		"K6ES_TEST_ES_8_19_21_SECURITY=https://127.0.0.1:3",
		"K6ES_TEST_ES_OSS_7_10_2_TIGHT=http://127.0.0.1:4",
		"ELASTICSEARCH_URL=http://127.0.0.1:1",
	}
	assert.Equal(t, map[string]string{
		"es_oss_7_10_2":    "http://127.0.0.1:1",
		"opensearch_3_6_0": "https://127.0.0.1:2",
	}, started(environment))
}
