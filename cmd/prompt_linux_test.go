package cmd

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keyboard is a terminal on which nobody types.
func keyboard(t *testing.T) *os.File {
	t.Helper()
	file, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return file
}

func TestInterruptEndsAQuestion(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := runsCommand{env: Env{In: keyboard(t), Err: &out, Terminal: true}}
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() { answer <- r.ask(ctx, "Delete it?", false) }()
	cancel()
	require.EqualError(t, <-answer, "interrupted: nothing was deleted")
	assert.Equal(t, "Delete it? [y/N] \n", out.String())
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for typed, yes := range map[string]bool{"y\n": true, " YES \n": true, "yes": true, "\n": false, "": false, "no\n": false, "yesterday\n": false} {
		err := runsCommand{env: Env{In: strings.NewReader(typed)}}.answer(t.Context())
		assert.Equal(t, yes, err == nil, typed)
	}
}

// Nobody types samples: where standard input was meant to be a pipe, there is nothing to wait for.
func TestSamplesAreNotTyped(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"upload", "-"}, {"upload", "--stdout", "-"}, {"compare", "--contender", "-"}} {
		var told bytes.Buffer
		env := Env{In: keyboard(t), Out: &told, Err: &told, Vars: map[string]string{}, Name: "k6es"}
		assert.Equal(t, ExitUsage, Main(t.Context(), env, args), args)
		assert.Contains(t, told.String(), "k6es: standard input (-) is a terminal. Give it what k6 writes: k6 run --out json=- script.js | k6es …\n")
	}
}
