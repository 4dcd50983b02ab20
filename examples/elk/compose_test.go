// Package elk holds the stack of a team that logs through Filebeat and Logstash. There is no Docker where
// tests run: they look at what can be looked at without.
package elk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestCompose(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("compose.yaml")
	require.NoError(t, err)
	var compose struct {
		Services map[string]struct {
			Image     string
			Build     struct{ Context, Dockerfile string }
			Volumes   []string
			DependsOn any `yaml:"depends_on"`
		}
		Volumes map[string]any
	}
	require.NoError(t, yaml.Unmarshal(text, &compose))
	require.Len(t, compose.Services, 8)
	for name, service := range compose.Services {
		if service.Build.Context == "" {
			assert.Regexp(t, `-oss:7\.10\.2$`, service.Image, name)
		} else {
			assert.FileExists(t, filepath.Join(service.Build.Context, service.Build.Dockerfile), name)
		}
		for _, volume := range service.Volumes {
			from, _, _ := strings.Cut(volume, ":")
			if strings.HasPrefix(from, ".") {
				assert.FileExists(t, from, name)
			} else {
				assert.Contains(t, compose.Volumes, from, name)
			}
		}
		others, _ := service.DependsOn.(map[string]any)
		for other := range others {
			assert.Contains(t, compose.Services, other, name)
		}
	}
}
