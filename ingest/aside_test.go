package ingest_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/k6es/k6es/ingest"
)

const pointLine = `{"metric":"vus","type":"Point","data":{"time":"2026-11-22T12:43:56Z","value":1,"tags":{}}}`

func TestStandardInputMayCarryWhatK6SaysBesides(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("─", 300<<10)
	stdin := "\n     execution: local\n" + pointLine + "\nrunning (00.9s), 1/1 VUs {\n" + pointLine + "\n" + long + "\n  " + pointLine + "\n\n      { expected_response:true }: 1 ms\n    checks: 100 %"
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader,
	} {
		var aside bytes.Buffer
		source, err := ingest.Open("-", wrap(strings.NewReader(stdin)), &aside)
		require.NoError(t, err, name)
		reader := source.Samples(ingest.NewRegistry())
		var sample ingest.Sample
		for range 3 {
			require.NoError(t, reader.Read(&sample), name)
		}
		require.ErrorIs(t, reader.Read(&sample), io.EOF, name)
		assert.Equal(t, "\n     execution: local\nrunning (00.9s), 1/1 VUs {\n"+long+"\n\n      { expected_response:true }: 1 ms\n    checks: 100 %", aside.String(), name)
		require.NoError(t, source.Close())
	}
}

func TestStandardInputOfSomethingElseIsNotPassedOn(t *testing.T) {
	t.Parallel()
	var aside bytes.Buffer
	_, err := ingest.Open("-", strings.NewReader("Dear diary,\n"), &aside)
	require.ErrorContains(t, err, "neither k6's JSON")
	assert.Empty(t, aside.String())
}
