package notify

import "encoding/json"

// teamsMessage is what the workflow "post to a channel when a webhook request is received" of Teams takes: an
// adaptive card. https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string  `json:"contentType"`
	ContentURL  *string `json:"contentUrl"`
	Content     card    `json:"content"`
}

// card is an adaptive card. https://adaptivecards.io/explorer
type card struct {
	Schema  string         `json:"$schema"`
	Type    string         `json:"type"`
	Version string         `json:"version"`
	Teams   map[string]any `json:"msteams"`
	Body    []any          `json:"body"`
	Actions []cardAction   `json:"actions,omitempty"`
}

// cardText is a line. Teams reads Markdown in text blocks and facts, but not in the runs of rich text.
type cardText struct {
	Type    string    `json:"type"`
	Inlines []cardRun `json:"inlines"`
	Spacing string    `json:"spacing,omitempty"`
}

type cardRun struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Size   string `json:"size,omitempty"`
	Weight string `json:"weight,omitempty"`
	Color  string `json:"color,omitempty"`
	Font   string `json:"fontType,omitempty"`
	Subtle bool   `json:"isSubtle,omitempty"`
}

type cardFacts struct {
	Type  string     `json:"type"`
	Facts []cardFact `json:"facts"`
}

// cardFact is a number; nothing in it comes from others.
type cardFact struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

type cardAction struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

var cardColours = map[mark]string{good: "Good", doubtful: "Warning", bad: "Attention"}

func teamsBody(n *Notice) ([]byte, error) {
	m := n.message()
	title := richText(append(line{text("%s ", m.mark)}, m.title...))
	for i := range title.Inlines {
		title.Inlines[i].Size, title.Inlines[i].Color = "Large", cardColours[m.mark]
	}
	about := richText(m.about)
	for i := range about.Inlines {
		about.Inlines[i].Subtle = true
	}
	c := card{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Teams: map[string]any{"width": "Full"}, Body: []any{title, about},
	}
	if len(m.numbers) > 0 {
		facts := cardFacts{Type: "FactSet"}
		for _, one := range m.numbers {
			facts.Facts = append(facts.Facts, cardFact{one.label, one.String()})
		}
		c.Body = append(c.Body, facts)
	}
	for i, detail := range m.details {
		block := richText(detail)
		if i > 0 {
			block.Spacing = "Small"
		}
		c.Body = append(c.Body, block)
	}
	for _, l := range m.links {
		c.Actions = append(c.Actions, cardAction{"Action.OpenUrl", l.label, l.url})
	}
	return json.Marshal(teamsMessage{"message", []teamsAttachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: c}}})
}

func richText(l line) cardText {
	block := cardText{Type: "RichTextBlock"}
	for _, p := range l {
		run := cardRun{Type: "TextRun", Text: p.text}
		switch p.style {
		case strong:
			run.Weight = "Bolder"
		case name:
			run.Font = "Monospace"
		case plain:
		}
		block.Inlines = append(block.Inlines, run)
	}
	return block
}
