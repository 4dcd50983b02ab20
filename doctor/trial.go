package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/k6es/k6es/elastic"
	"github.com/k6es/k6es/mappings"
)

// trial is what trying to write and to read came to.
type trial struct {
	mayNotWrite, mayNotRead []string // the names of the indices
	unclear, unread         error    // why it could not be found out whether one may write, or read
}

// try tries to write to and to read each index. Each attempt to write wants an alias of a name that is none, and a
// version of a document that is not there: whoever may write is told so, and nothing comes to be.
func (p Patient) try(ctx context.Context, client *elastic.Client) (t trial) {
	for _, name := range p.names() {
		switch err := p.write(ctx, client, name); {
		case denied(err):
			t.mayNotWrite = append(t.mayNotWrite, name)
		case !futile(err):
			t.unclear = cmp.Or(t.unclear, err)
		}
		path := "/" + name + "/_search?size=0&ignore_unavailable=true&allow_no_indices=true"
		switch err := client.JSON(ctx, http.MethodGet, path, nil, nil); {
		case denied(err):
			t.mayNotRead = append(t.mayNotRead, name)
		default:
			t.unread = cmp.Or(t.unread, err)
		}
	}
	return t
}

// write tries to write to an index of that name as k6es does, and returns the answer, which is never nil: samples and
// series in bulk, other documents one by one. What stands in front of a server may refuse one of these by its path.
func (p Patient) write(ctx context.Context, client *elastic.Client, name string) error {
	index, samples := strings.CutSuffix(name, "*")
	switch {
	case samples:
		return bulk(ctx, client, "/_bulk", index+"doctor")
	case name == p.prefix()+"-"+mappings.Series:
		return bulk(ctx, client, "/"+name+"/_bulk", name)
	default:
		return put(ctx, client, name)
	}
}

// put is the attempt to write a single document.
func put(ctx context.Context, client *elastic.Client, index string) error {
	path := "/" + index + "/_doc/doctor?require_alias=true&if_seq_no=0&if_primary_term=1"
	return cmp.Or(client.JSON(ctx, http.MethodPut, path, map[string]any{}, nil), errTaken)
}

// bulk is the attempt to write by a bulk request. A server that has users looks at what one may do to an index only
// after it has missed the alias: there its answer to a single document tells, but no answer of a proxy.
func bulk(ctx context.Context, client *elastic.Client, path, index string) error {
	lines := fmt.Sprintf(`{"index":{"_index":%q,"_id":"doctor","if_seq_no":0,"if_primary_term":1}}`+"\n{}\n", index)
	var answer struct {
		Items []map[string]struct {
			Status int `json:"status"`
			Error  struct{ Type, Reason string }
		} `json:"items"`
	}
	err := client.JSON(ctx, http.MethodPost, path+"?require_alias=true", []byte(lines), &answer)
	if err == nil {
		err = errTaken
		for _, item := range answer.Items {
			for _, of := range item {
				err = &elastic.Error{
					Method: http.MethodPost, URL: client.URL(), Path: path, Status: of.Status, Type: of.Error.Type, Reason: of.Error.Reason,
				}
			}
		}
	}
	if single := put(ctx, client, index); futile(err) && forbids(single) {
		return single
	}
	return err
}

// errTaken is an answer that a server does not give: to it the attempt cannot succeed.
var errTaken = errors.New("something answered that all went well, which no server does")

// answered is the answer that err is, or wraps; without a status if it is none.
func answered(err error) elastic.Error {
	var answer *elastic.Error
	if !errors.As(err, &answer) {
		return elastic.Error{}
	}
	return *answer
}

// futile tells whether the server refused an attempt for what was wrong with it on purpose, so that one may.
func futile(err error) bool {
	answer := answered(err)
	switch answer.Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict:
		return answer.Type != ""
	default:
		return false
	}
}

// forbids tells whether err is the no of the server itself, and of nothing in front of it.
func forbids(err error) bool {
	answer := answered(err)
	return shut(err) && answer.Type == "security_exception"
}

// shut tells whether the answer is that one may not. A 403 for a block is none: nobody may then.
func shut(err error) bool {
	answer := answered(err)
	switch answer.Status {
	case http.StatusUnauthorized:
		return true
	case http.StatusForbidden:
		return answer.Type != "cluster_block_exception"
	default:
		return false
	}
}

// denied tells it of a request that every server knows: a proxy may also say that nobody may.
func denied(err error) bool { return shut(err) || elastic.IsStatus(err, http.StatusMethodNotAllowed) }
