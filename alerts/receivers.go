package alerts

import (
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
)

// Receiver is who is told of an alarm.
type Receiver struct {
	Kind string // slack, teams, email or webhook
	// To is a URL, or mail addresses separated by commas; or ${NAME}: whatever that environment variable of
	// the alerting system has.
	To string
}

// The kinds of receivers.
const (
	Slack   = "slack"
	Teams   = "teams"
	Email   = "email"
	Webhook = "webhook"
)

// ReceiverKinds lists the kinds of receivers.
func ReceiverKinds() []string { return []string{Slack, Teams, Email, Webhook} }

// ParseReceiver reads KIND or KIND=TO. Without TO it is ${ELASTALERT_KIND}, so that no secret is written.
// Errors do not show TO.
func ParseReceiver(text string) (Receiver, error) {
	kind, to, given := strings.Cut(text, "=")
	r := Receiver{kind, to}
	if !slices.Contains(ReceiverKinds(), kind) {
		return r, fmt.Errorf("there is no receiver %q; there are %s", kind, strings.Join(ReceiverKinds(), ", "))
	}
	if !given {
		r.To = "${ELASTALERT_" + strings.ToUpper(kind) + "}"
	}
	if r.isReference() {
		return r, nil
	}
	if kind == Email {
		if _, err := mail.ParseAddressList(to); err != nil {
			return r, fmt.Errorf("receiver %s is no mail address", kind)
		}
		return r, nil
	}
	address, err := url.Parse(to)
	if err != nil || address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return r, fmt.Errorf("receiver %s has no address such as https://host/path, or ${VARIABLE}", kind)
	}
	return r, nil
}

func (r Receiver) isReference() bool {
	return strings.HasPrefix(r.To, "${") && strings.HasSuffix(r.To, "}")
}

// Reference is the environment variable that the receiver is taken from; empty where it is written out.
func (r Receiver) Reference() string {
	if !r.isReference() {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(r.To, "${"), "}")
}

const receiversComment = `Who is told, of every alarm. ElastAlert2 puts its environment variables for what is in braces.`

// alerters are ElastAlert2's names for the kinds of receivers.
var alerters = map[string]string{Slack: "slack", Teams: "ms_power_automate", Email: "email", Webhook: "post2"}

// receivers is the file that every rule imports.
func (e ElastAlert2) receivers() mapping {
	if len(e.Receivers) == 0 {
		return mapping{{"alert", "debug"}} // ElastAlert2's own output
	}
	var names []string
	var m mapping
	for _, kind := range ReceiverKinds() {
		to := e.to(kind)
		if len(to) == 0 {
			continue
		}
		names = append(names, alerters[kind])
		switch kind {
		case Slack:
			m = append(m, entry{"slack_webhook_url", to}, entry{"slack_username_override", "k6es"}, entry{"slack_emoji_override", ":rotating_light:"})
		case Teams:
			m = append(m, entry{"ms_power_automate_webhook_url", to})
		case Email:
			m = append(m, entry{"email", to}, entry{"from_addr", reference("${ELASTALERT_MAIL_FROM}")}, entry{"smtp_host", reference("${ELASTALERT_SMTP_HOST}")})
		case Webhook:
			m = append(m, entry{"http_post2_url", to})
		}
	}
	return append(mapping{{"alert", names}}, m...)
}

// to are the receivers of a kind.
func (e ElastAlert2) to(kind string) []any {
	var to []any
	for _, r := range e.Receivers {
		switch {
		case r.Kind != kind:
		case r.isReference():
			to = append(to, reference(r.To))
		case kind == Email:
			for address := range strings.SplitSeq(r.To, ",") {
				to = append(to, strings.TrimSpace(address))
			}
		default:
			to = append(to, r.To)
		}
	}
	return to
}
