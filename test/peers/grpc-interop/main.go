// gRPC's interop cases as grpc-go has them, both sides, by its own package interop. "server" prints its address and
// serves until its standard input closes; "client ADDRESS CASE" exits 0 when the case passes, and otherwise says on its
// standard error what did not; "load ADDRESS" prints the load report that comes with a call, as JSON. grpc-go's own client program would bring all of xDS with it, which takes minutes to build.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
)

// No case takes long; one that hangs ends with the status of its deadline, which no case waits for so late.
const caseTimeout = 10 * time.Second

type testCase func(context.Context, *grpc.ClientConn)

func onService(run func(context.Context, testgrpc.TestServiceClient, ...grpc.CallOption)) testCase {
	return func(ctx context.Context, conn *grpc.ClientConn) { run(ctx, testgrpc.NewTestServiceClient(conn)) }
}

var cases = map[string]testCase{
	"empty_unary":                 onService(interop.DoEmptyUnaryCall),
	"large_unary":                 onService(interop.DoLargeUnaryCall),
	"client_streaming":            onService(interop.DoClientStreaming),
	"server_streaming":            onService(interop.DoServerStreaming),
	"ping_pong":                   onService(interop.DoPingPong),
	"empty_stream":                onService(interop.DoEmptyStream),
	"cancel_after_begin":          onService(interop.DoCancelAfterBegin),
	"cancel_after_first_response": onService(interop.DoCancelAfterFirstResponse),
	"timeout_on_sleeping_server":  onService(interop.DoTimeoutOnSleepingServer),
	"custom_metadata":             onService(interop.DoCustomMetadata),
	"status_code_and_message":     onService(interop.DoStatusCodeAndMessage),
	"special_status_message":      onService(interop.DoSpecialStatusMessage),
	"client_compressed_unary":     onService(clientCompressedUnary),
	"server_compressed_unary":     onService(serverCompressedUnary),
	"server_compressed_streaming": onService(serverCompressedStreaming),
	"unimplemented_method":        interop.DoUnimplementedMethod,
	"unimplemented_service": func(ctx context.Context, conn *grpc.ClientConn) {
		interop.DoUnimplementedService(ctx, testgrpc.NewUnimplementedServiceClient(conn))
	},
}

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "server":
		serve()
	case len(os.Args) == 4 && os.Args[1] == "client":
		call(os.Args[2], os.Args[3])
	case len(os.Args) == 3 && os.Args[1] == "load":
		printLoad(os.Args[2])
	default:
		fail("say server, client ADDRESS CASE, or load ADDRESS")
	}
}

func serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	server := grpc.NewServer(append(reportingLoad(), grpc.StatsHandler(watcher{server: true}))...)
	testgrpc.RegisterTestServiceServer(server, compressingServer{interop.NewTestServer()})
	go server.Serve(listener)
	fmt.Println(listener.Addr())
	io.Copy(io.Discard, os.Stdin)
	server.Stop()
}

func call(address, name string) {
	run, ok := cases[name]
	if !ok {
		fail("grpc-go has no case " + name)
	}
	conn := connect(address)
	ctx, cancel := context.WithTimeout(context.Background(), caseTimeout)
	defer cancel()
	run(ctx, conn)
	conn.Close()
}

func connect(address string) *grpc.ClientConn {
	conn, err := grpc.NewClient(
		"passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStatsHandler(watcher{}),
	)
	if err != nil {
		fail(err)
	}
	return conn
}

func fail(reason ...any) {
	fmt.Fprintln(os.Stderr, fmt.Sprint(reason...))
	os.Exit(1)
}
