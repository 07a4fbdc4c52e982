// A gRPC server by other hands: grpc-go with its own reflection (v1 and v1alpha) and its own test contract. It prints
// its address and serves until its standard input closes.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	alphapb "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
)

type testServer struct {
	testpb.UnimplementedTestServiceServer
}

func (testServer) UnaryCall(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if want := in.GetResponseStatus(); want.GetCode() != 0 {
		return nil, status.Error(codes.Code(want.GetCode()), want.GetMessage())
	}
	incoming, _ := metadata.FromIncomingContext(ctx)
	user := ""
	if values := incoming.Get("x-user"); len(values) > 0 {
		user = values[0]
	}
	grpc.SetHeader(ctx, metadata.Pairs("x-greeting", "hello "+user))
	grpc.SetTrailer(ctx, metadata.Pairs("x-parting-bin", "\x00\xff"))
	return &testpb.SimpleResponse{Payload: in.GetPayload(), Username: user}, nil
}

func (testServer) StreamingInputCall(stream testpb.TestService_StreamingInputCallServer) error {
	var bytes int32
	for {
		in, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&testpb.StreamingInputCallResponse{AggregatedPayloadSize: bytes})
		}
		if err != nil {
			return err
		}
		bytes += int32(len(in.GetPayload().GetBody()))
	}
}

func (testServer) FullDuplexCall(stream testpb.TestService_FullDuplexCallServer) error {
	for {
		in, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&testpb.StreamingOutputCallResponse{Payload: in.GetPayload()}); err != nil {
			return err
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := grpc.NewServer()
	testpb.RegisterTestServiceServer(server, testServer{})
	if len(os.Args) > 1 && os.Args[1] == "v1alpha" {
		alphapb.RegisterServerReflectionServer(server, reflection.NewServer(reflection.ServerOptions{Services: server}))
	} else {
		reflection.Register(server)
	}
	go server.Serve(listener)
	fmt.Println(listener.Addr())
	io.Copy(io.Discard, os.Stdin)
	server.Stop()
}
