package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
)

// callTime is how long the work of a unary gRPC call takes.
const callTime = 2 * time.Millisecond

// newGRPCServer offers the standard health service, for the whole server ("") and for "shop",
// with reflection, so that a client needs no .proto file.
func newGRPCServer(p *pace) *grpc.Server {
	work := func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if err := wait(ctx, p.duration(grpcRoute, callTime, 0)); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
	s := grpc.NewServer(grpc.UnaryInterceptor(work))
	h := health.NewServer()
	h.SetServingStatus("shop", grpc_health_v1.HealthCheckResponse_SERVING)
	grpc_health_v1.RegisterHealthServer(s, h)
	reflection.Register(s)
	return s
}
