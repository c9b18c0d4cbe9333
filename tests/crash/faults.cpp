/// A library to be loaded before libc (LD_PRELOAD): lets the k-th call that changes a file below one folder fail. The
/// calls are open for writing, write, fsync, ftruncate and the two renames, numbered from 1 together.
///
///   PASER_FAULT_FOLDER  the folder
///   PASER_FAULT_CALL    k; 0: none fails
///   PASER_FAULT_KIND    ENOSPC: this call and all later ones; EIO, EINTR: this one; short: of a write half is written;
///                       kill: the process ends before the call; killed: after it
///   PASER_FAULT_COUNT   a file that gets the number of all calls at the end

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

const char* option(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

long calls = 0;

bool in_folder(const char* path) {
  const char* folder = option("PASER_FAULT_FOLDER");
  const std::size_t size = std::strlen(folder);
  return size > 0 && path != nullptr && std::strncmp(path, folder, size) == 0;
}
bool in_folder(int file) {
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = ::readlink(link, path, sizeof path - 1);
  if (size < 0) return false;
  path[size] = '\0';
  return in_folder(path);
}

enum class Fate { lives, fails, half, dies_after };

/// What becomes of this call; errno is set when it fails.
Fate fate(bool counted) {
  if (!counted) return Fate::lives;
  const long wanted = std::atol(option("PASER_FAULT_CALL")), now = ++calls;
  const char* kind = option("PASER_FAULT_KIND");
  const auto is = [&](const char* name) { return std::strcmp(kind, name) == 0; };
  if (wanted == 0 || now < wanted || (now > wanted && !is("ENOSPC"))) return Fate::lives;
  if (is("kill")) ::raise(SIGKILL);
  if (is("killed")) return Fate::dies_after;
  if (is("short")) return Fate::half;
  errno = is("ENOSPC") ? ENOSPC : is("EINTR") ? EINTR : EIO;
  return Fate::fails;
}

/// Makes the call, unless it fails.
template <class Call>
auto made(bool counted, const Call& call) -> decltype(call(false)) {
  const Fate f = fate(counted);
  if (f == Fate::fails) return decltype(call(false))(-1);
  const auto result = call(f == Fate::half);
  if (f == Fate::dies_after) ::raise(SIGKILL);
  return result;
}

bool writes(int flags) {
  return (flags & O_ACCMODE) != O_RDONLY;
}

struct Count {
  ~Count() {
    const char* file = option("PASER_FAULT_COUNT");
    if (*file == '\0') return;
    if (std::FILE* out = std::fopen(file, "w")) {
      std::fprintf(out, "%ld\n", calls);
      std::fclose(out);
    }
  }
} count;

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(more, int)) : 0;
  va_end(more);
  return made(writes(flags) && in_folder(path),
              [&](bool) { return real<int(const char*, int, ...)>("open")(path, flags, mode); });
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(more, int)) : 0;
  va_end(more);
  return made(writes(flags) && in_folder(path),
              [&](bool) { return real<int(const char*, int, ...)>("open64")(path, flags, mode); });
}

static std::FILE* opened(const char* name, const char* path, const char* mode) {
  const bool counted = std::strpbrk(mode, "wa+") != nullptr && in_folder(path);
  const Fate f = fate(counted);
  if (f == Fate::fails) return nullptr;
  std::FILE* file = real<std::FILE*(const char*, const char*)>(name)(path, mode);
  if (f == Fate::dies_after) ::raise(SIGKILL);
  return file;
}
std::FILE* fopen(const char* path, const char* mode) {
  return opened("fopen", path, mode);
}
std::FILE* fopen64(const char* path, const char* mode) {
  return opened("fopen64", path, mode);
}

ssize_t write(int file, const void* bytes, size_t size) {
  return made(in_folder(file), [&](bool half) {
    return real<ssize_t(int, const void*, size_t)>("write")(file, bytes, half ? (size + 1) / 2 : size);
  });
}

ssize_t writev(int file, const iovec* parts, int number) {
  return made(in_folder(file), [&](bool half) {
    iovec first = parts[0];
    if (half) first.iov_len = (first.iov_len + 1) / 2;
    return real<ssize_t(int, const iovec*, int)>("writev")(file, half ? &first : parts, half ? 1 : number);
  });
}

int fsync(int file) {
  return made(in_folder(file), [&](bool) { return real<int(int)>("fsync")(file); });
}

int ftruncate(int file, off_t size) {
  return made(in_folder(file), [&](bool) { return real<int(int, off_t)>("ftruncate")(file, size); });
}

int rename(const char* from, const char* to) {
  return made(in_folder(to), [&](bool) { return real<int(const char*, const char*)>("rename")(from, to); });
}

int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  return made(in_folder(to), [&](bool) {
    return real<int(int, const char*, int, const char*, unsigned)>("renameat2")(from_folder, from, to_folder, to,
                                                                                flags);
  });
}

}  // extern "C"
