// One end of C++ gRPC, told what to do by lines on standard input; each answer is a line of JSON on standard output.
// The completion queue API with one thread, as gRPC's own benchmarks recommend it for small calls. It carries what the
// whole SDK carries: a deadline and two pairs of metadata with every call.
//
//   listen [ca key cert]                                      {"port":n}
//   connect port kind bytes concurrency [ca key cert]         {}
//   usage                                                     {"cpuUs":n,"rssMb":n}
//   run calls                                                 {"cpuUs":n,"rssMb":n,"ms":n,"p50Ms":n,"p99Ms":n}
#include <grpcpp/grpcpp.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "bench/v1/bench.grpc.pb.h"

using bench::v1::BenchService;
using bench::v1::EchoRequest;
using bench::v1::EchoResponse;
using bench::v1::RepeatRequest;
using bench::v1::RepeatResponse;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kDeadline = std::chrono::seconds(60);
// The longest message that is text; see messages.ts.
constexpr int kMostTextBytes = 127;
// Calls that wait for their request; each puts another in its place when it comes.
constexpr int kWaitingCalls = 256;

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << "C++ peer: " << what << std::endl;
  std::exit(1);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Fail("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What a completion queue gives back.
class Step {
 public:
  virtual ~Step() = default;
  virtual void Proceed(bool ok) = 0;
};

// ---- server

class ServeEcho final : public Step {
 public:
  ServeEcho(BenchService::AsyncService* service, grpc::ServerCompletionQueue* queue)
      : service_(service), queue_(queue), responder_(&context_) {
    service_->RequestEcho(&context_, &request_, &responder_, queue_, queue_, this);
  }

  void Proceed(bool ok) override {
    if (!ok || answered_) {
      delete this;
      return;
    }
    new ServeEcho(service_, queue_);
    answered_ = true;
    EchoResponse response;
    response.set_text(request_.text());
    if (request_.has_data()) response.set_data(request_.data());
    responder_.Finish(response, grpc::Status::OK, this);
  }

 private:
  BenchService::AsyncService* const service_;
  grpc::ServerCompletionQueue* const queue_;
  grpc::ServerContext context_;
  EchoRequest request_;
  grpc::ServerAsyncResponseWriter<EchoResponse> responder_;
  bool answered_ = false;
};

class ServeRepeat final : public Step {
 public:
  ServeRepeat(BenchService::AsyncService* service, grpc::ServerCompletionQueue* queue)
      : service_(service), queue_(queue), writer_(&context_) {
    service_->RequestRepeat(&context_, &request_, &writer_, queue_, queue_, this);
  }

  void Proceed(bool ok) override {
    if (!ok || finished_) {
      delete this;
      return;
    }
    if (!begun_) {
      new ServeRepeat(service_, queue_);
      begun_ = true;
      left_ = request_.count();
      response_.set_text(request_.text());
      if (request_.has_data()) response_.set_data(request_.data());
    }
    if (left_ > 0) {
      left_--;
      writer_.Write(response_, this);
    } else {
      finished_ = true;
      writer_.Finish(grpc::Status::OK, this);
    }
  }

 private:
  BenchService::AsyncService* const service_;
  grpc::ServerCompletionQueue* const queue_;
  grpc::ServerContext context_;
  RepeatRequest request_;
  RepeatResponse response_;
  grpc::ServerAsyncWriter<RepeatResponse> writer_;
  uint32_t left_ = 0;
  bool begun_ = false;
  bool finished_ = false;
};

struct Keys {
  std::string ca, key, cert;
};

// What is left of a line names the files of TLS, or it is empty.
std::optional<Keys> ReadKeys(std::istringstream& line) {
  std::string ca, key, cert;
  if (!(line >> ca >> key >> cert)) return std::nullopt;
  return Keys{ReadFile(ca), ReadFile(key), ReadFile(cert)};
}

std::shared_ptr<grpc::ServerCredentials> ServerCredentials(const std::optional<Keys>& keys) {
  if (!keys) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = keys->ca;
  options.pem_key_cert_pairs.push_back({keys->key, keys->cert});
  return grpc::SslServerCredentials(options);
}

// Serves until the process ends.
int Listen(const std::optional<Keys>& keys) {
  auto* const service = new BenchService::AsyncService();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", ServerCredentials(keys), &port);
  builder.RegisterService(service);
  grpc::ServerCompletionQueue* const queue = builder.AddCompletionQueue().release();
  grpc::Server* const server = builder.BuildAndStart().release();
  if (server == nullptr || port == 0) Fail("cannot listen on 127.0.0.1");
  for (int waiting = 0; waiting < kWaitingCalls; waiting++) {
    new ServeEcho(service, queue);
    new ServeRepeat(service, queue);
  }
  std::thread([queue] {
    void* tag = nullptr;
    bool ok = false;
    while (queue->Next(&tag, &ok)) static_cast<Step*>(tag)->Proceed(ok);
  }).detach();
  return port;
}

// ---- client

struct Run {
  BenchService::Stub* stub;
  grpc::CompletionQueue* queue;
  std::vector<uint32_t> nanoseconds;
  uint64_t left = 0;
  int working = 0;
};

void PrepareContext(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  context.AddMetadata("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  context.AddMetadata("mesh-criticality", "default");
}

void RecordSince(Run& run, Clock::time_point begun) {
  const auto elapsed = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begun).count();
  run.nanoseconds.push_back(static_cast<uint32_t>(std::min<int64_t>(elapsed, UINT32_MAX)));
}

class EchoWorker final : public Step {
 public:
  EchoWorker(Run* run, const EchoRequest& request) : run_(*run), request_(request) { Next(); }

  void Proceed(bool ok) override {
    if (!ok || !status_.ok()) Fail("call failed: " + status_.error_message());
    RecordSince(run_, begun_);
    Next();
  }

 private:
  void Next() {
    if (run_.left == 0) {
      run_.working--;
      return;
    }
    run_.left--;
    begun_ = Clock::now();
    reader_.reset();
    context_.emplace();
    PrepareContext(*context_);
    reader_ = run_.stub->AsyncEcho(&*context_, request_, run_.queue);
    reader_->Finish(&response_, &status_, this);
  }

  Run& run_;
  const EchoRequest& request_;
  EchoResponse response_;
  grpc::Status status_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<EchoResponse>> reader_;
  Clock::time_point begun_;
};

class RepeatReader final : public Step {
 public:
  RepeatReader(Run* run, const RepeatRequest& request) : run_(*run), last_(Clock::now()) {
    PrepareContext(context_);
    reader_ = run_.stub->AsyncRepeat(&context_, request, run_.queue, this);
  }

  void Proceed(bool ok) override {
    switch (state_) {
      case State::kOpening:
        if (!ok) Fail("stream did not open");
        state_ = State::kReading;
        reader_->Read(&response_, this);
        break;
      case State::kReading:
        if (ok) {
          RecordSince(run_, last_);
          last_ = Clock::now();
          reader_->Read(&response_, this);
        } else {
          state_ = State::kEnding;
          reader_->Finish(&status_, this);
        }
        break;
      case State::kEnding:
        if (!status_.ok()) Fail("stream failed: " + status_.error_message());
        run_.working--;
        break;
    }
  }

 private:
  enum class State { kOpening, kReading, kEnding };

  Run& run_;
  grpc::ClientContext context_;
  RepeatResponse response_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncReader<RepeatResponse>> reader_;
  Clock::time_point last_;
  State state_ = State::kOpening;
};

class Client {
 public:
  Client(int port, bool unary, int bytes, int concurrency, const std::optional<Keys>& keys)
      : unary_(unary), concurrency_(concurrency) {
    std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
    if (keys) credentials = grpc::SslCredentials({keys->ca, keys->key, keys->cert});
    auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(port), credentials);
    if (!channel->WaitForConnected(std::chrono::system_clock::now() + kDeadline)) Fail("cannot connect");
    stub_ = BenchService::NewStub(channel);
    int payload = bytes;
    do Fill(bytes <= kMostTextBytes, payload);
    while (payload-- > 0 && echo_.ByteSizeLong() > static_cast<size_t>(bytes));
  }

  void MakeCalls(Run& run) {
    run.stub = stub_.get();
    run.queue = &queue_;
    run.working = concurrency_;
    repeat_.set_count(static_cast<uint32_t>(run.left / concurrency_));
    std::vector<std::unique_ptr<Step>> workers;
    for (int worker = 0; worker < concurrency_; worker++) {
      if (unary_) workers.push_back(std::make_unique<EchoWorker>(&run, echo_));
      else workers.push_back(std::make_unique<RepeatReader>(&run, repeat_));
    }
    void* tag = nullptr;
    bool ok = false;
    while (run.working > 0 && queue_.Next(&tag, &ok)) static_cast<Step*>(tag)->Proceed(ok);
  }

 private:
  void Fill(bool text, int length) {
    if (text) {
      echo_.set_text(std::string(length, 'x'));
      repeat_.set_text(echo_.text());
    } else {
      echo_.set_data(std::string(length, 'x'));
      repeat_.set_data(echo_.data());
    }
  }

  const bool unary_;
  const int concurrency_;
  std::unique_ptr<BenchService::Stub> stub_;
  grpc::CompletionQueue queue_;
  EchoRequest echo_;
  RepeatRequest repeat_;
};

// ---- what it says of itself

// Microseconds of CPU of this process, all threads, since it was last asked.
double CpuUs() {
  static double last = 0;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto microseconds = [](const timeval& time) { return time.tv_sec * 1e6 + time.tv_usec; };
  const double now = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
  const double since = now - last;
  last = now;
  return since;
}

double RssMb() {
  std::ifstream statm("/proc/self/statm");
  long pages = 0, resident = 0;
  statm >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1024.0 * 1024.0);
}

double PercentileMs(std::vector<uint32_t>& nanoseconds, double share) {
  if (nanoseconds.empty()) return 0;
  const auto at = nanoseconds.begin() + static_cast<long>(share * static_cast<double>(nanoseconds.size() - 1));
  std::nth_element(nanoseconds.begin(), at, nanoseconds.end());
  return *at / 1e6;
}

void AnswerRun(Client& client, uint64_t calls) {
  Run run{};
  run.left = calls;
  run.nanoseconds.reserve(calls);
  CpuUs();
  const auto begun = Clock::now();
  client.MakeCalls(run);
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
  const double cpu = CpuUs();
  const double p50 = PercentileMs(run.nanoseconds, 0.5);
  const double p99 = PercentileMs(run.nanoseconds, 0.99);
  std::printf("{\"cpuUs\":%.0f,\"rssMb\":%.1f,\"ms\":%.3f,\"p50Ms\":%.6f,\"p99Ms\":%.6f}\n", cpu, RssMb(), ms, p50, p99);
}

}  // namespace

int main() {
  std::unique_ptr<Client> client;
  for (std::string text; std::getline(std::cin, text);) {
    std::istringstream line(text);
    std::string ask, kind;
    int port = 0, bytes = 0, concurrency = 0;
    uint64_t calls = 0;
    line >> ask;
    if (ask == "listen") {
      std::printf("{\"port\":%d}\n", Listen(ReadKeys(line)));
    } else if (ask == "connect" && line >> port >> kind >> bytes >> concurrency) {
      client = std::make_unique<Client>(port, kind == "unary", bytes, concurrency, ReadKeys(line));
      std::printf("{}\n");
    } else if (ask == "usage") {
      std::printf("{\"cpuUs\":%.0f,\"rssMb\":%.1f}\n", CpuUs(), RssMb());
    } else if (ask == "run" && line >> calls && client != nullptr) {
      AnswerRun(*client, calls);
    } else {
      Fail("does not understand " + text);
    }
    std::fflush(stdout);
  }
  // Threads of gRPC are still at work, and nobody waits for what they do.
  std::fflush(stdout);
  _exit(0);
}
