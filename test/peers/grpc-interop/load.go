// Load reports (gRFC A51): the one that this server sends with every call, and the one that another server sends.
package main

import (
	"context"
	"fmt"

	v3orcapb "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/grpc"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/orca"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// reportingLoad sends a report with every unary call: without a record of the call itself grpc-go sends none.
func reportingLoad() []grpc.ServerOption {
	record := func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		orca.CallMetricsRecorderFromContext(ctx).SetRequestCost("queries", 2)
		return handle(ctx, request)
	}
	return []grpc.ServerOption{orca.CallMetricsServerOption(load()), grpc.ChainUnaryInterceptor(record)}
}

func load() orca.ServerMetricsProvider {
	metrics := orca.NewServerMetricsRecorder()
	metrics.SetApplicationUtilization(0.5)
	metrics.SetCPUUtilization(0.25)
	metrics.SetMemoryUtilization(0.75)
	metrics.SetQPS(120.5)
	metrics.SetEPS(1.5)
	metrics.SetNamedUtilization("disk", 0.125)
	return metrics
}

func printLoad(address string) {
	conn := connect(address)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	defer cancel()
	var trailers metadata.MD
	if _, err := testgrpc.NewTestServiceClient(conn).EmptyCall(ctx, &testgrpc.Empty{}, grpc.Trailer(&trailers)); err != nil {
		fail(err)
	}
	values := trailers.Get("endpoint-load-metrics-bin")
	if len(values) != 1 {
		fail(fmt.Sprintf("the call brought %d load reports", len(values)))
	}
	report := &v3orcapb.OrcaLoadReport{}
	if err := proto.Unmarshal([]byte(values[0]), report); err != nil {
		fail(err)
	}
	fmt.Println(protojson.Format(report))
}
