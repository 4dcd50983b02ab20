package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The programs under test. All but the plain ones are built with the race detector, which makes a program
// that has a data race end with another exit code than expected.
const (
	k6        = "k6"
	k6es      = "k6es"
	k6esPlain = "k6es-plain" // as a user has it, for what is measured
	k6Plain   = "k6-plain"   // the same; built when a test asks for it
	shop      = "service"
)

// long says whether tests are to take their time, as `make test-all` asks them to: outages of a minute, and
// as many documents and kills as there may be.
var long = os.Getenv("K6ES_LONG") != ""

// either is a value for the two forms of a test.
func either[T any](brief, lengthy T) T {
	if long {
		return lengthy
	}
	return brief
}

// workDir holds the programs, for as long as the tests run.
var workDir string

// atOnce is how many tests run side by side: most of what they do is wait.
const atOnce = "4"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "k6es-e2e-")
	if err == nil {
		err = flag.Set("test.parallel", atOnce)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	workDir = dir
	defer func() {
		if err := errors.Join(stopShop(), stopToxiproxy(), os.RemoveAll(dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	return m.Run()
}

// build builds the programs, when the first test asks for one: without a server no test does.
var build = sync.OnceValue(func() error {
	for _, args := range [][]string{
		{"-race", "-o", filepath.Join(workDir, k6), "./cmd/k6"},
		{"-race", "-o", filepath.Join(workDir, k6es), "./cmd/k6es"},
		{"-o", filepath.Join(workDir, k6esPlain), "./cmd/k6es"},
		{"-o", filepath.Join(workDir, shop), "./scripts/service"},
	} {
		if err := goBuild(args...); err != nil {
			return err
		}
	}
	return nil
})

// goBuild runs go build in the root of the module.
func goBuild(args ...string) error {
	command := exec.Command("go", append([]string{"build"}, args...)...)
	command.Dir = filepath.Join("..", "..")
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", strings.Join(args, " "), err, output)
	}
	return nil
}

var buildPlainK6 = sync.OnceValue(func() error {
	return goBuild("-o", filepath.Join(workDir, k6Plain), "./cmd/k6")
})

// program returns the path of a program under test.
func program(t testing.TB, name string) string {
	t.Helper()
	require.NoError(t, build())
	if name == k6Plain {
		require.NoError(t, buildPlainK6())
	}
	return filepath.Join(workDir, name)
}

// shopProcess is the sample service, which all tests share.
var shopProcess *exec.Cmd

// startShop starts the sample service and returns its HTTP and gRPC addresses.
var startShop = sync.OnceValues(func() (addresses [2]string, err error) {
	file := filepath.Join(workDir, "addresses")
	shopProcess = exec.Command(filepath.Join(workDir, shop), "--addr-file", file)
	shopProcess.Stderr = os.Stderr
	if err := shopProcess.Start(); err != nil {
		shopProcess = nil
		return addresses, err
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		_, err = fmt.Sscanf(string(text), "http=%s\ngrpc=%s\n", &addresses[0], &addresses[1])
		return addresses, err
	}
	return addresses, errors.New("the sample service did not start within 20 s")
})

func stopShop() error {
	if shopProcess == nil {
		return nil
	}
	if err := shopProcess.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	return shopProcess.Wait()
}

// shopFlags tell a k6 script where the sample service is.
func shopFlags(t testing.TB) []string {
	t.Helper()
	require.NoError(t, build())
	addresses, err := startShop()
	require.NoError(t, err)
	return []string{"-e", "BASE_URL=http://" + addresses[0], "-e", "GRPC_ADDR=" + addresses[1]}
}
