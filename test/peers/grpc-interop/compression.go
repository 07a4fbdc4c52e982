// The interop cases about compression, which grpc-go's own package lacks: as far as grpc-go goes, which compresses all
// messages of a call or none.
package main

import (
	"context"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

const (
	largeRequestBytes  = 271828
	largeResponseBytes = 314159
)

// received is what a call's messages looked like on the wire.
type received struct {
	mutex      sync.Mutex
	compressed []bool
}

func (r *received) add(payload *stats.InPayload) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.compressed = append(r.compressed, payload.CompressedLength < payload.Length)
}

func (r *received) last() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(r.compressed) > 0 && r.compressed[len(r.compressed)-1]
}

type receivedKey struct{}

// watcher notes how messages come, for servers in every call and for clients in those whose context asks for it.
type watcher struct{ server bool }

func (w watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	if !w.server {
		return ctx
	}
	return context.WithValue(ctx, receivedKey{}, &received{})
}

func (watcher) HandleRPC(ctx context.Context, event stats.RPCStats) {
	payload, ok := event.(*stats.InPayload)
	if seen, watched := ctx.Value(receivedKey{}).(*received); ok && watched {
		seen.add(payload)
	}
}

func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (watcher) HandleConn(context.Context, stats.ConnStats)                       {}

// compressingServer is grpc-go's own test server that also reads expect_compressed and response_compressed.
type compressingServer struct{ testgrpc.TestServiceServer }

func (s compressingServer) UnaryCall(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
	if err := checkRequest(ctx, in.GetExpectCompressed()); err != nil {
		return nil, err
	}
	if wanted := in.GetResponseCompressed(); wanted != nil {
		name := encoding.Identity
		if wanted.GetValue() {
			name = gzip.Name
		}
		if err := grpc.SetSendCompressor(ctx, name); err != nil {
			return nil, err
		}
	}
	return s.TestServiceServer.UnaryCall(ctx, in)
}

func (s compressingServer) StreamingInputCall(stream testgrpc.TestService_StreamingInputCallServer) error {
	return s.TestServiceServer.StreamingInputCall(checkedStream{stream})
}

type checkedStream struct {
	testgrpc.TestService_StreamingInputCallServer
}

func (s checkedStream) Recv() (*testgrpc.StreamingInputCallRequest, error) {
	in, err := s.TestService_StreamingInputCallServer.Recv()
	if err != nil {
		return nil, err
	}
	return in, checkRequest(s.Context(), in.GetExpectCompressed())
}

// checkRequest looks at the request that has come last.
func checkRequest(ctx context.Context, expected *testgrpc.BoolValue) error {
	compressed := ctx.Value(receivedKey{}).(*received).last()
	if expected == nil || expected.GetValue() == compressed {
		return nil
	}
	return status.Errorf(codes.InvalidArgument, "request came compressed: %t", compressed)
}

func largeRequest() *testgrpc.SimpleRequest {
	return &testgrpc.SimpleRequest{
		ResponseSize: largeResponseBytes,
		Payload:      interop.ClientNewPayload(testgrpc.PayloadType_COMPRESSABLE, largeRequestBytes),
	}
}

func clientCompressedUnary(ctx context.Context, client testgrpc.TestServiceClient, _ ...grpc.CallOption) {
	request := largeRequest()
	request.ExpectCompressed = &testgrpc.BoolValue{Value: true}
	if _, err := client.UnaryCall(ctx, request); status.Code(err) != codes.InvalidArgument {
		fail("probe ended with ", err, ", not with INVALID_ARGUMENT")
	}
	checkLarge(client.UnaryCall(ctx, request, grpc.UseCompressor(gzip.Name)))
	request.ExpectCompressed.Value = false
	checkLarge(client.UnaryCall(ctx, request))
}

func serverCompressedUnary(ctx context.Context, client testgrpc.TestServiceClient, _ ...grpc.CallOption) {
	for _, compressed := range []bool{true, false} {
		request := largeRequest()
		request.ResponseCompressed = &testgrpc.BoolValue{Value: compressed}
		seen := &received{}
		checkLarge(client.UnaryCall(context.WithValue(ctx, receivedKey{}, seen), request))
		checkResponse(seen, compressed)
	}
}

func serverCompressedStreaming(ctx context.Context, client testgrpc.TestServiceClient, _ ...grpc.CallOption) {
	seen := &received{}
	wanted := []*testgrpc.ResponseParameters{
		{Size: 31415, Compressed: &testgrpc.BoolValue{Value: true}},
		{Size: 92653, Compressed: &testgrpc.BoolValue{Value: false}},
	}
	request := &testgrpc.StreamingOutputCallRequest{ResponseParameters: wanted}
	stream, err := client.StreamingOutputCall(context.WithValue(ctx, receivedKey{}, seen), request)
	if err != nil {
		fail(err)
	}
	for _, parameters := range wanted {
		response, err := stream.Recv()
		if err != nil {
			fail(err)
		}
		if size := len(response.GetPayload().GetBody()); size != int(parameters.GetSize()) {
			fail("response has ", size, " bytes, not ", parameters.GetSize())
		}
		checkResponse(seen, parameters.GetCompressed().GetValue())
	}
	if _, err := stream.Recv(); err != io.EOF {
		fail("stream ended with ", err)
	}
}

func checkLarge(response *testgrpc.SimpleResponse, err error) {
	if err != nil {
		fail(err)
	}
	if size := len(response.GetPayload().GetBody()); size != largeResponseBytes {
		fail("response has ", size, " bytes, not ", largeResponseBytes)
	}
}

func checkResponse(seen *received, compressed bool) {
	if seen.last() != compressed {
		fail("response came compressed: ", seen.last())
	}
}
