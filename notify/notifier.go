package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/k6es/k6es/runs"
)

// The reasons for which a run or a comparison is told of.
const (
	Always = "always" // it has ended
	Failed = "failed" // it failed, was aborted or interrupted, crossed a threshold, or is not stored whole
	Worse  = "worse"  // it is worse than its baseline
)

// Options say who is told of what.
type Options struct {
	URLs       []string // of receivers; empty: nobody is told
	On         []string // Always, Failed, Worse, of which one is enough; empty: Always
	Secret     string   // signs what is sent as JSON; empty: it is not signed
	CACertFile string   // PEM, beside the system's certificates; empty: only these
}

// Budget is how long all receivers together may take for a notice, whatever they do.
const Budget = 10 * time.Second

// How often a notice is sent to a receiver, how long it may take to answer, and how long the pause after the first
// attempt is, which doubles with each.
const (
	maxAttempts = 3
	patience    = 5 * time.Second
	firstPause  = 500 * time.Millisecond
)

// Notifier tells receivers. It is for one goroutine at a time.
type Notifier struct {
	receivers []*receiver
	on        []string
	secret    []byte
	client    *http.Client

	budget, pause time.Duration
}

// New makes a notifier. It reads the certificates, and does not touch the network.
func New(options Options) (*Notifier, error) {
	receivers, err := newReceivers(options.URLs)
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // nobody changes it
	if options.CACertFile != "" {
		roots, err := readRoots(options.CACertFile)
		if err != nil {
			return nil, fmt.Errorf("cannot use notify-ca-cert-file (K6_ELASTICSEARCH_NOTIFY_CA_CERT_FILE): %w", err)
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	transport.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
		if answer.StatusCode == http.StatusOK {
			return nil
		}
		return proxyRefusal(answer.StatusCode)
	}
	return &Notifier{
		receivers: receivers, on: options.On, secret: []byte(options.Secret), budget: Budget, pause: firstPause,
		client: &http.Client{
			Transport: transport, Timeout: patience,
			// Whoever answers so could send the notice, and the address's secret in it, anywhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New(file + " holds no PEM certificate")
	}
	return roots, nil
}

// wants says whether the receivers want to know of the notice.
func (n *Notifier) wants(notice *Notice) bool {
	if len(n.on) == 0 || slices.Contains(n.on, Always) {
		return true
	}
	return slices.Contains(n.on, Failed) && notice.failed() || slices.Contains(n.on, Worse) && notice.worse()
}

// Delivery is what became of a notice at a receiver.
type Delivery struct {
	Receiver string // its host
	Err      error  // nil: it took the notice
}

// String says it in a sentence.
func (d Delivery) String() string {
	if d.Err == nil {
		return "notified " + d.Receiver
	}
	return fmt.Sprintf("%s was not notified: %v", d.Receiver, d.Err)
}

// Run tells of a run that has ended, from what was recorded of it, with its baseline if the server has the run's
// document and finds earlier ones soon. Nobody is told while other k6 processes of the run go on: the last one to
// end tells. Else it is Send. The error says what was not told, and why: nothing, or not the comparison.
func (n *Notifier) Run(ctx context.Context, store *runs.Store, snapshot *runs.Snapshot, dashboard string) ([]Delivery, error) {
	if len(n.listening()) == 0 {
		return nil, nil
	}
	notice, err := ofRun(snapshot, dashboard)
	if err != nil {
		return nil, fmt.Errorf("nobody was notified: %w", err)
	}
	if notice.Run.K6.Run.Status == runs.Running || !n.wants(notice) && !slices.Contains(n.on, Worse) {
		return nil, nil
	}
	if err = notice.judge(ctx, store); err != nil {
		err = fmt.Errorf("for notifications the run was not compared with its baseline: %w", err)
	}
	return n.Send(ctx, notice), err
}

// listening are the receivers that took all notices so far.
func (n *Notifier) listening() []*receiver {
	return slices.DeleteFunc(slices.Clone(n.receivers), func(r *receiver) bool { return r.givenUp })
}

// Send tells all receivers, if they want to know, and says what became of it, one Delivery each. It ends within
// Budget, and with ctx. A receiver that did not take a notice is not told of later ones, so that one that hangs
// holds up many uploads no more than one; there is no Delivery for it then.
func (n *Notifier) Send(ctx context.Context, notice *Notice) []Delivery {
	if !n.wants(notice) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, n.budget)
	defer cancel()
	told := n.listening()
	deliveries := make([]Delivery, len(told))
	var all sync.WaitGroup
	for i, r := range told {
		all.Go(func() {
			err := n.deliver(ctx, r, notice)
			deliveries[i], r.givenUp = Delivery{r.label, err}, err != nil
		})
	}
	all.Wait()
	return deliveries
}
