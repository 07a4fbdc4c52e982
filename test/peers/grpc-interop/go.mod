module meshwork.test/grpcinterop

go 1.23

require (
	github.com/cncf/xds/go v0.0.0-20241223141626-cff3c89139a3
	google.golang.org/grpc v1.71.0
	google.golang.org/protobuf v1.36.4
)

require (
	cloud.google.com/go/compute/metadata v0.6.0 // indirect
	github.com/envoyproxy/protoc-gen-validate v1.2.1 // indirect
	golang.org/x/net v0.34.0 // indirect
	golang.org/x/oauth2 v0.25.0 // indirect
	golang.org/x/sys v0.29.0 // indirect
	golang.org/x/text v0.21.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20250115164207-1a7da9e5054f // indirect
)
