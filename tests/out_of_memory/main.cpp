/// Lets the k-th allocation of a program fail, for every k of loading a model, predicting with it and one step of its
/// training: each failure must come to the caller as std::bad_alloc or as an error of paser's, and the same calls on
/// the same objects must then have the same results, bit by bit, as if nothing had failed.
///
/// A program of its own, since it replaces the operator new of the whole process.

#include <atomic>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>
#include <typeinfo>

#include "paser/io/checkpoint.hpp"
#include "paser/models/unet.hpp"
#include "paser/ops/cross_entropy.hpp"
#include "paser/optim/adam.hpp"
#include "paser/uncertainty/mc_dropout.hpp"
#include "support/same_bits.hpp"
#include "support/temporary_folder.hpp"

namespace {

/// Which allocation fails, counted from `made`; below 0: none does.
std::atomic<long> failing{-1};
std::atomic<long> made{0};

void* allocate(std::size_t size, std::size_t alignment) {
  if (failing >= 0 && made++ == failing) throw std::bad_alloc();
  void* const memory = std::aligned_alloc(alignment, (size + alignment) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

constexpr std::size_t usual = alignof(std::max_align_t);

}  // namespace

void* operator new(std::size_t size) {
  return allocate(size, usual);
}
void* operator new[](std::size_t size) {
  return allocate(size, usual);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return allocate(size, usual);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace {

using namespace paser;

using Model = models::StaticUNet<1, 2, 2, 1>;

/// A model that is loaded, predicts, and makes a step of its training.
struct Work {
  Model model{Key{1}};
  optim::Adam<float> adam{{.learning_rate = 1e-2}};
  Tensor<float, 4> images = uniform<float>(Key{2}, Shape{2, 8, 8, 1}, 0, 1);
  Labels labels = Labels::full({2, 8, 8}, 1);

  nlohmann::json document;
  Tensor<float, 4> mean;
  float loss = 0;

  void run(const io::Path& file) {
    document = io::load_model(file, model);
    mean = uncertainty::mc_dropout(model, images, Key{3}, {.samples = 2}).probabilities;
    const auto result = value_and_gradients<float>(
        run::training, Key{4}, [&](auto& ctx) { return cross_entropy(model(ctx, ctx.constant(images)), labels); });
    adam.step(model, result.gradients);
    loss = result.value;
  }
};

template <class Module>
bool same_state(const Module& a, const Module& b) {
  const io::StateDict one = io::state_dict(a), two = io::state_dict(b);
  return !one.empty() && std::equal(one.begin(), one.end(), two.begin(), two.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && same_bits(x.second.bytes, y.second.bytes);
  });
}

bool same_results(const Work& a, const Work& b) {
  return a.document == b.document && same_bits(a.mean, b.mean) && a.loss == b.loss && same_state(a.model, b.model) &&
         same_state(a.adam, b.adam);
}

enum class Ended { whole, out_of_memory, wrongly };

/// Runs with the k-th allocation failing.
Ended run(Work& work, const io::Path& file, long k) {
  BufferPool::instance().release();
  Ended ended = Ended::out_of_memory;
  made = 0;
  failing = k;
  try {
    work.run(file);
    ended = Ended::whole;
  } catch (const std::bad_alloc&) {
  } catch (const Error&) {
  } catch (const std::exception& other) {
    failing = -1;
    std::cerr << typeid(other).name() << ": " << other.what() << "\n";
    ended = Ended::wrongly;
  }
  failing = -1;
  return ended;
}

/// The number of allocations that failed, one per run; 0 where one of them did harm.
long fail_each(const io::Path& file) {
  Work expected;
  expected.run(file);
  for (long k = 0;; ++k) {
    Work work;
    const Ended ended = run(work, file, k);
    if (ended == Ended::out_of_memory) work.run(file);
    if (ended == Ended::wrongly || !same_results(work, expected)) {
      std::cerr << "allocation " << k << " failed, and the results are others\n";
      return 0;
    }
    // An allocation may fail unnoticed, where the standard library goes on without it.
    if (ended == Ended::whole && made <= k) return k;
  }
}

}  // namespace

int main() {
  const TemporaryFolder folder;
  const io::Path file = folder / "model.safetensors";
  io::save_model(file, Model(Key{9}), {{"classes", {"a", "b", "c"}}});
  set_threads(2);
  const long allocations = fail_each(file);
  std::cout << allocations << " allocations failed, one per run\n";
  return allocations > 300 ? 0 : 1;
}
