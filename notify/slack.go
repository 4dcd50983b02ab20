package notify

import (
	"encoding/json"
	"strings"
)

// slackMessage is what incoming webhooks of Slack take: text is for notifications and for programs that know no
// blocks. https://docs.slack.dev/messaging/formatting-message-text
type slackMessage struct {
	Text   string       `json:"text"`
	Blocks []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`     // of a section: 3,000 characters
	Fields   []slackText `json:"fields,omitempty"`   // of a section: ten of 2,000 characters
	Elements []slackText `json:"elements,omitempty"` // of a context: ten
}

type slackText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"` // no names of channels and people are looked for
}

func mrkdwn(text string) slackText { return slackText{"mrkdwn", text, true} }

func slackBody(n *Notice) ([]byte, error) {
	m := n.message()
	title := string(m.mark) + " " + slackLine(m.title)
	s := slackMessage{Text: title, Blocks: []slackBlock{slackSection(title)}}
	if len(m.numbers) > 0 {
		block := slackBlock{Type: "section"}
		for _, one := range m.numbers {
			block.Fields = append(block.Fields, mrkdwn("*"+slackEscape(one.label)+"*\n"+slackEscape(one.String())))
		}
		s.Blocks = append(s.Blocks, block)
	}
	var details, links []string
	for _, detail := range m.details {
		details = append(details, slackLine(detail))
	}
	for _, l := range m.links {
		links = append(links, "<"+slackEscape(l.url)+"|"+l.label+">")
	}
	s.Blocks = append(s.Blocks, slackSections(details, "\n")...)
	s.Blocks = append(s.Blocks, slackBlock{Type: "context", Elements: []slackText{mrkdwn(slackLine(m.about))}})
	s.Blocks = append(s.Blocks, slackSections(links, " · ")...)
	return json.Marshal(s)
}

func slackSection(text string) slackBlock {
	section := mrkdwn(text)
	return slackBlock{Type: "section", Text: &section}
}

// longestText is how many bytes the text of a section may have; Slack counts characters.
const longestText = 3000

// slackSections puts texts into as few sections as they fit into. One that fits into none, which only a link can
// be, is left out: Slack would refuse the whole message.
func slackSections(texts []string, separator string) []slackBlock {
	var joined []string
	for _, text := range texts {
		last := len(joined) - 1
		switch {
		case len(text) > longestText:
		case last >= 0 && len(joined[last])+len(separator)+len(text) <= longestText:
			joined[last] += separator + text
		default:
			joined = append(joined, text)
		}
	}
	var sections []slackBlock
	for _, text := range joined {
		sections = append(sections, slackSection(text))
	}
	return sections
}

func slackLine(l line) string {
	var b strings.Builder
	for _, p := range l {
		escaped := slackEscape(p.text)
		switch p.style {
		case strong:
			b.WriteString("*" + escaped + "*")
		case name:
			b.WriteString("`" + strings.ReplaceAll(escaped, "`", "'") + "`")
		case plain:
			b.WriteString(escaped)
		}
	}
	return b.String()
}

// slackEscape escapes the three characters with which Slack marks links, mentions and entities.
var slackEscape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
