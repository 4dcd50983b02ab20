package elastic

import (
	"regexp"
	"strings"
)

// The two ways in which servers say that a privilege is missing. Both may name several actions.
var (
	elasticDenial    = regexp.MustCompile(`action \[(.+?)\] is unauthorized for .*?(?: on (?:restricted )?indices \[([^\]]+)\])?, this action is granted by the (?:index|cluster) privileges \[([^\]]+)\]`)
	oldElasticDenial = regexp.MustCompile(`action \[(.+?)\] is unauthorized for `)
	openSearchDenial = regexp.MustCompile(`no permissions for \[(.+?)\] and `)
)

// Explain puts the reason that a server gives for refusing something into fewer words, where it is that
// the login lacks a privilege: "the privilege indices:data/write/bulk on k6-runs is missing (write or all
// grants it)". Any other reason comes back as it is.
func Explain(reason string) string {
	if m := elasticDenial.FindStringSubmatch(reason); m != nil {
		return missing(m[1], m[2], strings.Split(m[3], ","))
	}
	if m := oldElasticDenial.FindStringSubmatch(reason); m != nil {
		return missing(m[1], "", nil)
	}
	if m := openSearchDenial.FindStringSubmatch(reason); m != nil {
		return missing(m[1], "", nil)
	}
	return reason
}

func missing(actions, indices string, grants []string) string {
	text := "the privilege " + actions
	if indices != "" {
		text += " on " + strings.ReplaceAll(indices, ",", ", ")
	}
	text += " is missing"
	if len(grants) > 0 {
		last := len(grants) - 1
		either := grants[last]
		if last > 0 {
			either = strings.Join(grants[:last], ", ") + " or " + either
		}
		text += " (" + either + " grants it)"
	}
	return text
}
