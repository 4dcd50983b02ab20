package elastic_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// This file computes AWS's Signature Version 4 from a request as a server gets it. It shares no code with
// the library that signs:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

// awsKeys are keys as AWS hands them out.
type awsKeys struct{ id, secret, token string }

// received is a request as it came over the wire.
type received struct {
	method, target string // target is path and query, as in the request line
	host           string
	header         http.Header
	body           []byte
}

// v4Authorization is an Authorization header, taken apart.
type v4Authorization struct {
	id, date, region, service string
	headers                   []string // names of those that are signed
	signature                 string
}

func parseAuthorization(text string) (a v4Authorization, err error) {
	rest, found := strings.CutPrefix(text, "AWS4-HMAC-SHA256 ")
	parts := strings.Split(rest, ", ")
	if !found || len(parts) != 3 {
		return a, fmt.Errorf("no signature: %q", text)
	}
	scope := strings.Split(strings.TrimPrefix(parts[0], "Credential="), "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return a, fmt.Errorf("strange scope: %q", text)
	}
	a.id, a.date, a.region, a.service = scope[0], scope[1], scope[2], scope[3]
	a.headers = strings.Split(strings.TrimPrefix(parts[1], "SignedHeaders="), ";")
	a.signature = strings.TrimPrefix(parts[2], "Signature=")
	return a, nil
}

// signature is what the request's signature must be, for a path that is already in its canonical form.
func (r received) signature(a v4Authorization, secret, path string) string {
	_, query, _ := strings.Cut(r.target, "?")
	canonical := []string{r.method, path, canonicalQuery(query)}
	for _, name := range a.headers {
		canonical = append(canonical, name+":"+r.signed(name))
	}
	canonical = append(canonical, "", strings.Join(a.headers, ";"), sha(r.body))
	scope := strings.Join([]string{a.date, a.region, a.service, "aws4_request"}, "/")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", r.header.Get("X-Amz-Date"), scope, sha([]byte(strings.Join(canonical, "\n")))}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

// signed is the value of a header as it is signed: spaces once, several values with commas.
func (r received) signed(name string) string {
	switch name {
	case "host":
		return r.host
	case "content-length":
		return fmt.Sprint(len(r.body))
	}
	var values []string
	for _, value := range r.header.Values(name) {
		values = append(values, strings.Join(strings.Fields(value), " "))
	}
	return strings.Join(values, ",")
}

// verify tells what is wrong with a request's signature. It must be right for a server that takes the
// path as it came, and for one that has a proxy in front of it that decodes paths.
func (r received) verify(keys awsKeys, region, service string) error {
	a, err := parseAuthorization(r.header.Get("Authorization"))
	if err != nil {
		return err
	}
	if a.id != keys.id || a.region != region || a.service != service || r.header.Get("X-Amz-Security-Token") != keys.token {
		return fmt.Errorf("signed for %+v, token %q", a, r.header.Get("X-Amz-Security-Token"))
	}
	if !strings.HasPrefix(r.header.Get("X-Amz-Date"), a.date) {
		return fmt.Errorf("dates differ: %q and %q", r.header.Get("X-Amz-Date"), a.date)
	}
	must := []string{"host", "x-amz-date"}
	if keys.token != "" {
		must = append(must, "x-amz-security-token")
	}
	if service == "aoss" {
		must = append(must, "x-amz-content-sha256")
		if hash := r.header.Get("X-Amz-Content-Sha256"); hash != sha(r.body) {
			return fmt.Errorf("the header says that the body's hash is %q", hash)
		}
	}
	for _, name := range must {
		if !slices.Contains(a.headers, name) {
			return fmt.Errorf("%s is not signed", name)
		}
	}
	path, _, _ := strings.Cut(r.target, "?")
	for how, canonical := range map[string]string{
		"as it came":     percent(path, "/"),
		"decoded before": percent(percent(unpercent(path), "/"), "/"),
	} {
		if want := r.signature(a, keys.secret, canonical); want != a.signature {
			return fmt.Errorf("%s %s: wrong signature for the path %s", r.method, r.target, how)
		}
	}
	return nil
}

func canonicalQuery(query string) string {
	if query == "" {
		return ""
	}
	const first = "\x00" // sorts a name before those that it begins
	var pairs []string
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, percent(unpercent(name), "")+first+percent(unpercent(value), ""))
	}
	slices.Sort(pairs)
	return strings.ReplaceAll(strings.Join(pairs, "&"), first, "=")
}

// percent encodes all bytes but letters, digits, "-._~" and those that are to be kept.
func percent(text, keep string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("-._~"+keep, c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func unpercent(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		var c byte
		if text[i] == '%' {
			if n, _ := fmt.Sscanf(text[i:], "%%%02X", &c); n == 1 {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
