// Package notify tells people, or programs, of a run that has ended or of a comparison: in a channel of Slack
// or Teams, or as JSON at any address.
//
// What there is to tell is a Notice (notice.go). It becomes words (message.go), and these the body that a receiver
// understands (slack.go, teams.go, json.go). A Notifier (notifier.go) sends it to all receivers at once, tries again
// where that may help, and ends in time whatever they do (deliver.go).
//
// Addresses of receivers are secrets: whoever knows one may write into the channel. No error and no Delivery says
// more of them than the host.
//
// It is not a stable Go API; what is stable is the JSON.
package notify
