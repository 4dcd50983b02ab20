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
	for _, text := range slackTexts(m.details) {
		s.Blocks = append(s.Blocks, slackSection(text))
	}
	s.Blocks = append(s.Blocks, slackBlock{Type: "context", Elements: []slackText{mrkdwn(slackLine(m.about))}})
	var links []string
	for _, l := range m.links {
		links = append(links, "<"+slackEscape(l.url)+"|"+l.label+">")
	}
	if len(links) > 0 {
		s.Blocks = append(s.Blocks, slackSection(strings.Join(links, " · ")))
	}
	return json.Marshal(s)
}

func slackSection(text string) slackBlock {
	section := mrkdwn(text)
	return slackBlock{Type: "section", Text: &section}
}

// longestText is how many bytes the text of a section may have; Slack counts characters.
const longestText = 3000

// slackTexts puts lines into as few texts as they fit into.
func slackTexts(lines []line) []string {
	var texts []string
	for _, l := range lines {
		text, last := slackLine(l), len(texts)-1
		if last >= 0 && len(texts[last])+1+len(text) <= longestText {
			texts[last] += "\n" + text
		} else {
			texts = append(texts, text)
		}
	}
	return texts
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
