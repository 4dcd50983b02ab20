package elastic

import (
	"net/http"
	"time"
)

// Sign signs a request in place, as if it were sent at that time.
func Sign(config SigV4, request *http.Request, body []byte, at time.Time) error {
	s := newSigner(nil, config, newSecrets())
	s.now = func() time.Time { return at }
	keys, err := s.credentials(request.Context())
	if err != nil {
		return err
	}
	return s.prepare(request, body, keys)
}
