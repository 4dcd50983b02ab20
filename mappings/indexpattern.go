package mappings

// KibanaField is one entry of the field list that Kibana keeps in an index pattern.
type KibanaField struct {
	Name              string   `json:"name"`
	Type              string   `json:"type"`
	ESTypes           []string `json:"esTypes"`
	Count             int      `json:"count"`
	Scripted          bool     `json:"scripted"`
	Searchable        bool     `json:"searchable"`
	Aggregatable      bool     `json:"aggregatable"`
	ReadFromDocValues bool     `json:"readFromDocValues"`
}

// kibanaMeta are the fields that Kibana itself lists for any index.
var kibanaMeta = []KibanaField{
	{Name: "_id", Type: "string", ESTypes: []string{"_id"}, Searchable: true, Aggregatable: true},
	{Name: "_index", Type: "string", ESTypes: []string{"_index"}, Searchable: true, Aggregatable: true},
	{Name: "_score", Type: "number"},
	{Name: "_source", Type: "_source", ESTypes: []string{"_source"}},
	{Name: "_type", Type: "string", ESTypes: []string{"_type"}, Searchable: true, Aggregatable: true},
}

// KibanaFields returns the field list of the family's index pattern. Labels are not in it, as their
// names come with the runs: Kibana finds them when its field list is refreshed.
func (f Family) KibanaFields() []KibanaField {
	fields := append([]KibanaField(nil), kibanaMeta...)
	for _, field := range f.Fields {
		if _, ok := field.object(); ok {
			continue
		}
		fields = append(fields, KibanaField{
			Name:              field.Name,
			Type:              field.kibanaType(),
			ESTypes:           []string{field.Type},
			Searchable:        field.Index && field.Type != Binary,
			Aggregatable:      field.Type != Binary,
			ReadFromDocValues: field.Type != Binary,
		})
	}
	return fields
}

func (f Field) kibanaType() string {
	switch f.Type {
	case Keyword:
		return "string"
	case Date, IP, Boolean:
		return f.Type
	case Binary:
		return "unknown"
	default:
		return "number"
	}
}
