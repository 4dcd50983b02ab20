package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"runtime"
	"slices"
)

// signs looks at the options of AWS's signatures: which belong together, and what excludes them.
func (c *Config) signs() error {
	errs := []error{
		c.either("source of AWS keys", "sigv4-access-key", "sigv4-profile"),
		c.needs("sigv4-access-key", "sigv4-secret-key"),
		c.needs("sigv4-secret-key", "sigv4-access-key"),
		c.needs("sigv4-session-token", "sigv4-access-key"),
	}
	for _, name := range []string{"sigv4-service", "sigv4-access-key", "sigv4-profile"} {
		errs = append(errs, c.needs(name, "sigv4-region"))
	}
	if c.given("sigv4-region") && holdsPassword(c.URLs...) {
		errs = append(errs, fmt.Errorf("more than one way to log in: a user in %s and %s; give only one",
			c.cited("url"), c.cited("sigv4-region")))
	}
	for name := range c.Headers {
		if c.given("sigv4-region") && http.CanonicalHeaderKey(name) == "Authorization" {
			errs = append(errs, fmt.Errorf("more than one way to log in: Authorization in %s and %s; give only one",
				c.cited("headers"), c.cited("sigv4-region")))
		}
	}
	return errors.Join(errs...)
}

// warnOfAccess tells of what lets others in.
func (c *Config) warnOfAccess(settings []setting) {
	if c.InsecureSkipVerify {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s: the certificate of the server is not looked at, so whoever is on "+
			"the way can read the login and change the data; name its CA by ca-cert-file instead", c.cited("insecure-skip-verify")))
	}
	inFile := slices.ContainsFunc(settings, func(s setting) bool { return s.inFile && s.option.exposes(s.value) })
	if c.File == "" || !inFile {
		return
	}
	if info, err := os.Stat(c.File); err == nil && readByOthers(info.Mode()) {
		c.Warnings = append(c.Warnings, fmt.Sprintf("%s holds a secret and can be read by other users of this machine: chmod 600 %s",
			c.File, c.File))
	}
}

// readByOthers tells whether somebody besides the owner may read the file. Windows says so in another way.
func readByOthers(mode fs.FileMode) bool {
	return runtime.GOOS != "windows" && mode.Perm()&0o044 != 0
}
