package main

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
)

func dialShop(t *testing.T, p *pace) *grpc.ClientConn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := newGRPCServer(p)
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestGRPCHealth(t *testing.T) {
	t.Parallel()
	health := grpc_health_v1.NewHealthClient(dialShop(t, newPace(20, grpcRoute, 1)))
	start := time.Now()
	res, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "shop"})
	require.NoError(t, err)
	assert.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, res.GetStatus())
	assert.GreaterOrEqual(t, time.Since(start), 20*callTime, "the slowdown counts for gRPC too")
}

func TestGRPCReflection(t *testing.T) {
	t.Parallel()
	client := grpc_reflection_v1.NewServerReflectionClient(dialShop(t, newPace(1, "", 1)))
	stream, err := client.ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	}))
	res, err := stream.Recv()
	require.NoError(t, err)
	var names []string
	for _, s := range res.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	assert.Contains(t, names, "grpc.health.v1.Health")
}
