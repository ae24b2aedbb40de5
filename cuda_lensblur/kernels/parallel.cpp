// SPDX-License-Identifier: Apache-2.0
#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace {

struct Job {
  ParallelBody call;
  const void* body;
  int64_t count, grain;
  std::atomic<int64_t> next{0};

  void work() {
    for (int64_t from; (from = next.fetch_add(grain, std::memory_order_relaxed)) < count;)
      call(body, from, std::min(count, from + grain));
  }
};

class Pool {
 public:
  void run(Job& job, int helpers) {
    std::unique_lock<std::mutex> one(turn_, std::try_to_lock);
    if (!one) return job.work();  // another caller has the helpers: go alone
    {
      std::lock_guard<std::mutex> lock(guard_);
      grow(helpers);
      job_ = &job;
      wanted_ = std::min(helpers, size_);
    }
    for (int i = 0; i < helpers; ++i) begin_.notify_one();
    job.work();
    std::unique_lock<std::mutex> lock(guard_);
    wanted_ = 0;
    end_.wait(lock, [this] { return busy_ == 0; });
    job_ = nullptr;
  }

 private:
  void grow(int helpers) {
    try {
      for (; size_ < helpers; ++size_) std::thread([this] { help(); }).detach();
    } catch (const std::system_error&) {  // no more threads for us: fewer will do
    }
  }

  void help() {
    std::unique_lock<std::mutex> lock(guard_);
    for (;;) {
      begin_.wait(lock, [this] { return wanted_ > 0; });
      --wanted_;
      ++busy_;
      Job* job = job_;
      lock.unlock();
      job->work();
      lock.lock();
      if (--busy_ == 0) end_.notify_one();
    }
  }

  std::mutex turn_, guard_;
  std::condition_variable begin_, end_;
  Job* job_ = nullptr;
  int wanted_ = 0, busy_ = 0, size_ = 0;
};

// Never destroyed: helpers sleep in it until the process ends.
std::atomic<Pool*> pool{nullptr};

Pool& the_pool() {
  static std::once_flag once;
  std::call_once(once, [] {
    pool = new Pool;
#if !defined(_WIN32)
    pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });  // a fork has no helpers
#endif
  });
  return *pool.load();
}

}  // namespace

void parallel_run(int threads, int64_t count, int64_t grain, ParallelBody call, const void* body) {
  if (count <= 0) return;
  const int64_t pieces = (count + grain - 1) / grain;
  const int helpers = int(std::min<int64_t>(threads, pieces)) - 1;
  if (helpers <= 0) return call(body, 0, count);
  Job job{call, body, count, grain};
  the_pool().run(job, helpers);
}
