// Command service is a small shop, like a service that a team runs in production: a JSON API with
// reads and writes, a slow search, errors, redirects, WebSocket and gRPC. It logs one JSON line for
// each request, as an express server with winston does, to a file and, when told, directly into an
// Elasticsearch log index. Load tests have something to call, and production logs to stand beside.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/grpc"
)

// shutdownGrace is how long requests in flight may take once the service is told to stop.
const shutdownGrace = 5 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

// errUsage says that the flags could not be used; the flag set has already told why.
var errUsage = errors.New("wrong usage")

// options are the command line.
type options struct {
	addr, grpcAddr, addrFile string
	slowdown                 float64
	slowRoute                string
	errorRate                float64
	seed                     uint64
	logFile, logURL          string
	logIndex                 string
}

func parseFlags(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.addr, "addr", "127.0.0.1:0", "HTTP address; port 0 picks a free one")
	flags.StringVar(&o.grpcAddr, "grpc-addr", "127.0.0.1:0", "gRPC address; port 0 picks a free one")
	flags.StringVar(&o.addrFile, "addr-file", "", "write both addresses to this file when ready")
	flags.Float64Var(&o.slowdown, "slowdown", 1, "multiply the service time of every route")
	flags.StringVar(&o.slowRoute, "slow-route", "", "slow down this route only, for example search")
	flags.Float64Var(&o.errorRate, "error-rate", 0.01, "share of orders and searches that fail, 0 to 1")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of service times and errors")
	flags.StringVar(&o.logFile, "log", "", "append log lines to this file")
	flags.StringVar(&o.logURL, "log-elasticsearch", "", "send log lines to this Elasticsearch")
	flags.StringVar(&o.logIndex, "log-index", "logs-shop-YYYY.MM.DD", "log index; YYYY, MM and DD are the day of the line")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errUsage
	}
	if err := o.validate(flags.NArg()); err != nil {
		fmt.Fprintln(stderr, "service:", err)
		return o, errUsage
	}
	return o, nil
}

func (o options) validate(arguments int) error {
	switch {
	case arguments > 0:
		return errors.New("no arguments are expected")
	case o.slowdown <= 0:
		return errors.New("--slowdown must be above 0")
	case o.errorRate < 0 || o.errorRate > 1:
		return errors.New("--error-rate must be between 0 and 1")
	case o.slowRoute != "" && !isRoute(o.slowRoute):
		return fmt.Errorf("--slow-route %s is unknown; the routes are %s", o.slowRoute, routeNames())
	}
	return nil
}

// run serves until ctx is done. Requests in flight are then answered, and the log is written out.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	log, err := openLog(o, stderr)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			log.lifecycle(levelFatal, "server stopped: "+err.Error())
		} else {
			log.lifecycle(levelInfo, "server stopped")
		}
		err = errors.Join(err, log.close())
	}()
	return serve(ctx, o, log, stdout)
}

func openLog(o options, stderr io.Writer) (*logger, error) {
	log := newLogger(stderr)
	if o.logURL != "" {
		s, err := newShipper(o.logURL, o.logIndex)
		if err != nil {
			return nil, err
		}
		log.shipper = s
	}
	if o.logFile != "" {
		f, err := os.OpenFile(o.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) // #nosec G304 -- the user names the file
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open log file: %w", err), log.close())
		}
		log.file = f
	}
	return log, nil
}

func serve(ctx context.Context, o options, log *logger, stdout io.Writer) error {
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return fmt.Errorf("listen for http: %w", err)
	}
	grpcListener, err := net.Listen("tcp", o.grpcAddr)
	if err != nil {
		return errors.Join(fmt.Errorf("listen for grpc: %w", err), listener.Close())
	}

	pace := newPace(o.slowdown, o.slowRoute, o.seed)
	shop := newServer(config{pace: pace, errorRate: o.errorRate, log: log})
	web := &http.Server{Handler: shop, ReadHeaderTimeout: 10 * time.Second}
	rpc := newGRPCServer(pace)

	failed := make(chan error, 2)
	go func() { failed <- web.Serve(listener) }()
	go func() { failed <- rpc.Serve(grpcListener) }()

	err = announce(o.addrFile, listener.Addr(), grpcListener.Addr(), stdout)
	if err == nil {
		log.lifecycle(levelInfo, fmt.Sprintf("server started on port %d", listener.Addr().(*net.TCPAddr).Port))
		select {
		case <-ctx.Done():
		case err = <-failed:
			err = fmt.Errorf("serve: %w", err)
		}
	}
	return errors.Join(err, shutdown(web, shop, rpc))
}

// announce prints the addresses and writes them to the address file, whole or not at all, so that
// whoever waits for the file never reads half of it.
func announce(file string, web, rpc net.Addr, stdout io.Writer) error {
	fmt.Fprintf(stdout, "http on %s, grpc on %s\n", web, rpc)
	if file == "" {
		return nil
	}
	half, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return fmt.Errorf("write address file: %w", err)
	}
	_, err = fmt.Fprintf(half, "http=%s\ngrpc=%s\n", web, rpc)
	if err = errors.Join(err, half.Close()); err == nil {
		err = os.Rename(half.Name(), file)
	}
	if err != nil {
		return fmt.Errorf("write address file: %w", errors.Join(err, os.Remove(half.Name())))
	}
	return nil
}

func shutdown(web *http.Server, shop *server, rpc *grpc.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	// A client may watch the health service for ever: streams are cut, not waited for.
	rpc.Stop()
	err := web.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("requests were cut off: %w", errors.Join(err, web.Close()))
	}
	shop.close()
	return err
}
