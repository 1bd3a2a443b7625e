#include "app/tools/command_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>

#include "app/tools/folder.h"
#include "base/file.h"
#include "io/quoted.h"

namespace mains {
namespace {

using std::chrono::steady_clock;

constexpr int kStepMilliseconds = 50;
constexpr int kLastStepMilliseconds = 5;  // once the output is closed, the end is near
constexpr auto kGrace = std::chrono::seconds(2);
constexpr int kMostPieces = 64;

Error SystemError(const std::string& what, int error) {
  return Error{ErrorCode::kIo, what + ": " + ErrnoMessage(error)};
}

// A file in memory rather than a pipe: a program that does not read its input can neither block us nor send
// us SIGPIPE.
Result<FileHandle> InputFile(const std::string& input) {
  if (input.empty()) {
    FileHandle null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (null.get() < 0) return SystemError("/dev/null cannot be opened", errno);
    return null;
  }
  FileHandle file(memfd_create("tool arguments", MFD_CLOEXEC));
  if (file.get() < 0) return SystemError("no memory for the program's input", errno);
  for (size_t done = 0; done < input.size();) {
    const ssize_t written = write(file.get(), input.data() + done, input.size() - done);
    if (written < 0 && errno != EINTR) return SystemError("no memory for the program's input", errno);
    if (written > 0) done += static_cast<size_t>(written);
  }
  if (lseek(file.get(), 0, SEEK_SET) != 0) return SystemError("the program's input cannot be rewound", errno);
  return file;
}

// posix_spawn's two objects, which must be destroyed.
class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

Result<pid_t> Spawn(const std::vector<std::string>& arguments, int input, int output) {
  SpawnSettings settings;
  posix_spawn_file_actions_adddup2(&settings.actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&settings.actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&settings.actions, output, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, 3);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  posix_spawnattr_setpgroup(&settings.attributes, 0);
  posix_spawnattr_setflags(&settings.attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int error =
      posix_spawnp(&pid, argv[0], &settings.actions, &settings.attributes, argv.data(), environ);
  if (error != 0) return SystemError("the program " + Quoted(arguments[0]) + " cannot be started", error);
  return pid;
}

// A started program until it is reaped. The program stays a zombie until then, so that its number, which is
// also that of its group, cannot pass to another.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() {
    if (pid_ > 0) Reap();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool HasEnded() const {
    siginfo_t info = {};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }
  void Signal(int signal) const { kill(-pid_, signal); }

  // Kills what is left of the group. The status is that of waitpid.
  int Reap() {
    Signal(SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

// One piece of the output, past the limit only counted: a program that writes without end must not keep us
// from looking at the clock. False if there is nothing to read now.
bool ReadSome(int fd, const CommandRun& run, CommandOutcome& outcome) {
  char buffer[65536];
  ssize_t got = -1;
  do {
    got = read(fd, buffer, sizeof buffer);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  const int64_t room = run.max_output_bytes - static_cast<int64_t>(outcome.output.size());
  outcome.output.append(buffer, static_cast<size_t>(std::clamp<int64_t>(room, 0, got)));
  outcome.output_bytes += got;
  return true;
}

// Reads until the program has ended or its time is over, then ends it.
void Follow(const CommandRun& run, const Child& child, int output, CommandOutcome& outcome) {
  const auto deadline = steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(
                                                  std::chrono::duration<double>(run.timeout_seconds));
  std::optional<steady_clock::time_point> kill_at;
  bool open = true;
  while (!child.HasEnded()) {
    const auto now = steady_clock::now();
    const bool late = now >= deadline;
    if (!kill_at && (late || (run.interrupted && run.interrupted()))) {
      outcome.end = late ? CommandOutcome::End::kTimeout : CommandOutcome::End::kInterrupted;
      child.Signal(SIGTERM);
      child.Signal(SIGCONT);  // a stopped program does not see the other
      kill_at = now + kGrace;
    }
    if (kill_at && now >= *kill_at) child.Signal(SIGKILL);
    pollfd wait = {open ? output : -1, POLLIN, 0};
    poll(&wait, 1, open ? kStepMilliseconds : kLastStepMilliseconds);
    // The far end may be closed long before the program ends.
    if (open && wait.revents != 0) open = ReadSome(output, run, outcome);
  }
}

}  // namespace

Result<CommandOutcome> RunCommand(const CommandRun& run) {
  ASSIGN_OR_RETURN(const FileHandle input, InputFile(run.input));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return SystemError("no pipe for the program's output", errno);
  const FileHandle output(ends[0]);
  FileHandle output_end(ends[1]);
  fcntl(output.get(), F_SETFL, O_NONBLOCK);
  ASSIGN_OR_RETURN(const pid_t pid, Spawn(run.argv, input.get(), output_end.get()));
  output_end = FileHandle();
  Child child(pid);
  CommandOutcome outcome;
  Follow(run, child, output.get(), outcome);
  const int status = child.Reap();
  // What the program wrote before its end is still in the pipe, which holds at most a megabyte; a process
  // that has left the group may go on writing.
  for (int pieces = 0; pieces < kMostPieces && ReadSome(output.get(), run, outcome); ++pieces) {
  }
  if (outcome.end == CommandOutcome::End::kExit && WIFSIGNALED(status))
    outcome.end = CommandOutcome::End::kSignal;
  outcome.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  return outcome;
}

}  // namespace mains
