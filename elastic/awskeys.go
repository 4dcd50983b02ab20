package elastic

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
)

// expiryWindow is how long before their end keys are renewed: longer than a request takes.
const expiryWindow = 2 * time.Minute

// provider is where keys come from. Those of roles are kept until shortly before they expire.
func (s SigV4) provider(ctx context.Context) (aws.CredentialsProvider, error) {
	if s.AccessKey != "" {
		return credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, s.SessionToken), nil
	}
	options := []func(*awsconfig.LoadOptions) error{
		awsconfig.WithRegion(s.Region),
		awsconfig.WithLogger(logging.Nop{}), // it would write to standard error
		awsconfig.WithCredentialsCacheOptions(func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = expiryWindow }),
	}
	if s.Profile != "" {
		options = append(options, awsconfig.WithSharedConfigProfile(s.Profile))
	}
	loaded, err := awsconfig.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, err
	}
	return loaded.Credentials, nil
}

// awsSource is a place where AWS's libraries look for keys, in their order.
type awsSource struct {
	name string
	vars []string // the place counts when one of these is set
}

var awsSources = []awsSource{
	{"the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", []string{"AWS_ACCESS_KEY_ID"}},
	{"the web identity in AWS_WEB_IDENTITY_TOKEN_FILE", []string{"AWS_WEB_IDENTITY_TOKEN_FILE"}},
	{"the container role", []string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"}},
}

// explain says which of the sources failed, or that there is none and where was looked.
func (s SigV4) explain(err error) *CredentialsError {
	said := strings.Join(strings.Fields(err.Error()), " ")
	if s.Profile != "" {
		return &CredentialsError{fmt.Sprintf("no AWS credentials: profile %q (option sigv4-profile) in %s: %s", s.Profile, awsFiles(), said)}
	}
	var unset []string
	for _, source := range awsSources {
		if firstSet(source.vars) != "" {
			return &CredentialsError{fmt.Sprintf("no AWS credentials from %s: %s", source.name, said)}
		}
		unset = append(unset, source.vars...)
	}
	profile := cmp.Or(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), "default")
	return &CredentialsError{fmt.Sprintf("no AWS credentials: the option sigv4-access-key and the variables %s are not set, "+
		"profile %q in %s gives none, and neither does the role of this machine (%s)", strings.Join(unset, ", "), profile, awsFiles(), said)}
}

func firstSet(names []string) string {
	for _, name := range names {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return ""
}

// awsFiles names the shared files.
func awsFiles() string {
	return cmp.Or(os.Getenv("AWS_CONFIG_FILE"), "~/.aws/config") + " and " +
		cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), "~/.aws/credentials")
}
