#include "app/tools/user_tools.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "app/tools/command_runner.h"

namespace mains {
namespace {

std::string Tool(const std::string& command, const std::string& more = "") {
  return R"([{"name": "t", "description": "A tool.", "parameters": {"type": "object", "properties": {)"
         R"("a": {"type": "string"}, "n": {"type": "integer"}, "l": {"type": "array", "items": {"type": "string"}}}}, )"
         R"("command": )" +
         command + more + "}]";
}

// Runs the one tool with the arguments; everything is allowed.
ToolResult RunTool(const std::string& file, const std::string& arguments) {
  ToolBox box;
  UserToolOptions options;
  options.confirm = [](const PendingCommand&) { return true; };
  const Status status = AddUserToolsFromText(box, file, "tools.json", options);
  EXPECT_TRUE(status.ok()) << (status.ok() ? "" : status.error().message);
  return box.Call("t", arguments);
}

std::string ParseError(const std::string& file) {
  const Result<std::vector<UserTool>> tools = ParseUserTools(file, "tools.json");
  if (tools.ok()) return "accepted";
  return tools.error().message;
}

// What the program sees as its arguments, one a line between brackets.
constexpr const char* kShow = R"(["printf", "--", "[%s]", )";

TEST(UserToolsTest, ValuesReachTheProgramAsTheyAre) {
  const std::string file = Tool(std::string(kShow) + R"("{a}", "x={a}", "{n}"])");
  EXPECT_EQ(RunTool(file, R"({"a": "hello", "n": 5})").text, R"({"result": "[hello][x=hello][5]"})");
  EXPECT_EQ(RunTool(file, R"({"a": "; rm -rf / #", "n": 5})").text,
            R"({"result": "[; rm -rf / #][x=; rm -rf / #][5]"})");
  EXPECT_EQ(RunTool(file, R"({"a": "$(touch x) `id` $HOME", "n": 5})").text,
            R"({"result": "[$(touch x) `id` $HOME][x=$(touch x) `id` $HOME][5]"})");
  EXPECT_EQ(RunTool(file, R"({"a": "two\nlines 'and' \"quotes\" *", "n": 5})").text,
            R"({"result": "[two\nlines 'and' \"quotes\" *][x=two\nlines 'and' \"quotes\" *][5]"})");
  EXPECT_EQ(RunTool(file, R"({"a": "{n}", "n": 5})").text, R"({"result": "[{n}][x={n}][5]"})");
  EXPECT_EQ(RunTool(file, R"({"a": "", "n": 5})").text, R"({"result": "[][x=][5]"})");
}

TEST(UserToolsTest, ListsAreOneElement) {
  EXPECT_EQ(RunTool(Tool(std::string(kShow) + R"("{l}"])"), R"({"l": ["a b", "-c"]})").text,
            R"({"result": "[[\"a b\",\"-c\"]]"})");
}

TEST(UserToolsTest, WhatIsLeftOutIsLeftOut) {
  EXPECT_EQ(RunTool(Tool(std::string(kShow) + R"("first", "{a}", "--x={a}", "{n}"])"), R"({"n": 5})").text,
            R"({"result": "[first][5]"})");
}

TEST(UserToolsTest, NoValueBecomesAnOption) {
  EXPECT_NE(RunTool(Tool(R"(["echo", "{a}"])"), R"({"a": "-rf"})").text.find("must not begin with \\\"-\\\""),
            std::string::npos);
  EXPECT_NE(RunTool(Tool(R"(["echo", "{n}"])"), R"({"n": -5})").text.find("must not begin"),
            std::string::npos);
  // An empty value before it makes it the beginning too.
  EXPECT_NE(RunTool(Tool(R"(["echo", "{a}{n}"])"), R"({"a": "", "n": -5})").text.find("must not begin"),
            std::string::npos);
  EXPECT_NE(RunTool(Tool(R"(["echo", "{a}", "{n}"])"), R"({"a": "--", "n": 5})").text.find("must not begin"),
            std::string::npos);
  EXPECT_EQ(RunTool(Tool(R"(["echo", "--", "{a}"])"), R"({"a": "-rf"})").text, R"({"result": "-- -rf"})");
  EXPECT_EQ(RunTool(Tool(R"(["echo", "x{a}"])"), R"({"a": "-rf"})").text, R"({"result": "x-rf"})");
  EXPECT_EQ(RunTool(Tool(R"(["echo", "{n}"])", R"(, "allow_leading_dash": true)"), R"({"n": -5})").text,
            R"({"result": "-5"})");
}

TEST(UserToolsTest, ArgumentsOnStandardInput) {
  EXPECT_EQ(RunTool(Tool(R"(["cat"])"), R"({"n": 5, "a": "é"})").text,
            R"({"result": "{\"a\":\"é\",\"n\":5}"})");
  // Else it is empty, so that nothing waits for it.
  EXPECT_EQ(RunTool(Tool(R"(["sh", "-c", "cat; echo end", "{a}"])"), R"({"a": "x"})").text,
            R"({"result": "end"})");
  // A program that never reads a large input.
  const std::string large(200000, 'x');
  EXPECT_EQ(RunTool(Tool(R"(["true"])"), "{\"a\": \"" + large + "\"}").text, R"({"result": ""})");
}

TEST(UserToolsTest, RunsNothingWithoutConsent) {
  ToolBox box;
  ASSERT_TRUE(AddUserToolsFromText(box, Tool(R"(["false"])"), "f", {}).ok());
  EXPECT_EQ(box.Call("t", "{}").text, R"({"error": "the user did not allow this command to run"})");

  ToolBox asking;
  PendingCommand seen;
  UserToolOptions options;
  options.confirm = [&seen](const PendingCommand& command) {
    seen = command;
    return false;
  };
  ASSERT_TRUE(AddUserToolsFromText(asking, Tool(R"(["rm", "-r", "--", "{a}"])"), "f", options).ok());
  EXPECT_FALSE(asking.Call("t", R"({"a": "it's\nme\u202e"})").ok);
  EXPECT_EQ(seen.tool, "t");
  EXPECT_EQ(seen.display, R"(rm -r -- $'it\'s\nme\xe2\x80\xae')");
  EXPECT_EQ(seen.argv.size(), 4u);
}

TEST(UserToolsTest, SaysHowItEnded) {
  EXPECT_EQ(RunTool(Tool(R"(["sh", "-c", "echo out; echo err >&2; exit 3"])"), "{}").text,
            R"({"error": "the program ended with exit code 3: out\nerr"})");
  EXPECT_EQ(RunTool(Tool(R"(["sh", "-c", "kill -KILL $$"])"), "{}").text,
            R"x({"error": "the program was ended by signal 9 (Killed)"})x");
  EXPECT_EQ(
      RunTool(Tool(R"(["mains-no-such-program"])"), "{}").text,
      R"({"error": "the program \"mains-no-such-program\" cannot be started: No such file or directory"})");
  EXPECT_FALSE(RunTool(Tool(R"(["/"])"), "{}").ok);
}

TEST(UserToolsTest, OutputIsLimited) {
  const ToolResult result = RunTool(Tool(R"(["head", "-c", "10000000", "/dev/zero"])"), "{}");
  EXPECT_TRUE(result.ok);
  EXPECT_NE(result.text.find("only the first 65536 of 10000000 bytes of output"), std::string::npos);
  EXPECT_LT(result.text.size(), 500000u);
}

TEST(UserToolsTest, TimeIsLimited) {
  EXPECT_EQ(RunTool(Tool(R"(["sleep", "1000"])", R"(, "timeout_seconds": 0.1)"), "{}").text,
            R"({"error": "the program was ended because its time was over"})");
  const ToolResult endless = RunTool(Tool(R"(["yes"])", R"(, "timeout_seconds": 0.1)"), "{}");
  EXPECT_FALSE(endless.ok);
  EXPECT_NE(endless.text.find("its time was over: y\\ny"), std::string::npos);
}

bool IsAlive(pid_t pid) {
  return kill(pid, 0) == 0 || errno != ESRCH;
}

// The output of the program is the number of a process that it has left behind.
void ExpectGoneSoon(const std::string& text) {
  const pid_t pid = std::atoi(text.c_str());
  ASSERT_GT(pid, 1) << text;
  for (int i = 0; i < 500 && IsAlive(pid); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  // A killed orphan stays a zombie until the system's first process takes note of it.
  std::string state;
  if (FILE* const file = std::fopen(("/proc/" + std::to_string(pid) + "/stat").c_str(), "r")) {
    char buffer[256] = {};
    state.assign(buffer, std::fread(buffer, 1, sizeof buffer - 1, file));
    std::fclose(file);
  }
  EXPECT_TRUE(!IsAlive(pid) || state.find(") Z") != std::string::npos) << state;
}

TEST(CommandRunnerTest, KillsWhatIgnoresSigtermAndTheWholeGroup) {
  CommandRun run;
  run.argv = {"sh", "-c", "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1; done"};
  run.timeout_seconds = 0.3;
  const Result<CommandOutcome> outcome = RunCommand(run);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->end, CommandOutcome::End::kTimeout);
  ExpectGoneSoon(outcome->output);
}

TEST(CommandRunnerTest, NothingOfTheGroupOutlivesTheProgram) {
  CommandRun run;
  run.argv = {"sh", "-c", "sleep 1000 & echo $!"};
  const Result<CommandOutcome> outcome = RunCommand(run);  // returns although the pipe is held open
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->end, CommandOutcome::End::kExit);
  ExpectGoneSoon(outcome->output);
}

TEST(CommandRunnerTest, CanBeInterrupted) {
  CommandRun run;
  run.argv = {"sleep", "1000"};
  run.interrupted = [] { return true; };
  EXPECT_EQ(RunCommand(run)->end, CommandOutcome::End::kInterrupted);
}

TEST(CommandRunnerTest, InheritsNoOpenFile) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);  // without CLOEXEC
  CommandRun run;
  run.argv = {"sh", "-c", "ls /proc/self/fd | tr '\\n' ' '"};
  const Result<CommandOutcome> outcome = RunCommand(run);
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(outcome->output, "0 1 2 3 ");  // 3 is the folder that ls reads
}

TEST(UserToolsTest, FilesAreReadTotally) {
  EXPECT_NE(ParseError("").find("tools.json: not valid JSON: at byte"), std::string::npos);
  EXPECT_NE(ParseError("{}").find("must be a list"), std::string::npos);
  EXPECT_NE(ParseError("[5]").find("tool 1: must be an object"), std::string::npos);
  EXPECT_NE(ParseError(R"([{"description": "", "parameters": {"type": "object"}, "command": ["x"]}])")
                .find("\"name\" is missing"),
            std::string::npos);
  EXPECT_NE(ParseError(Tool("[]")).find("\"command\" must be a list of strings"), std::string::npos);
  EXPECT_NE(ParseError(Tool("\"ls\"")).find("must be a list"), std::string::npos);
  EXPECT_NE(ParseError(Tool(R"([""])")).find("empty"), std::string::npos);
  EXPECT_NE(ParseError(Tool(R"(["{a}"])")).find("cannot be a placeholder"), std::string::npos);
  EXPECT_NE(ParseError(Tool(R"(["x", "{b}"])")).find("\"{b}\" names no parameter"), std::string::npos);
  EXPECT_NE(ParseError(Tool(R"(["x", "{a"])")).find("has no partner"), std::string::npos);
  EXPECT_NE(ParseError(Tool(R"(["x", "a}"])")).find("has no partner"), std::string::npos);
  EXPECT_NE(ParseError(Tool(R"(["x\u0000"])")).find("NUL"), std::string::npos);
  EXPECT_NE(ParseError(Tool(R"(["x"])", R"(, "timeout_seconds": 0)")).find("above 0"), std::string::npos);
  EXPECT_NE(ParseError(Tool(R"(["x"])", R"(, "shell": true)")).find("unknown key \"shell\""),
            std::string::npos);
  EXPECT_NE(ParseError(Tool(R"(["x"])", R"(, "allow_leading_dash": 1)")).find("true or false"),
            std::string::npos);
  EXPECT_EQ(ParseError(Tool(R"(["x", "{{a}} {a}"])")), "accepted");
  EXPECT_EQ(RunTool(Tool(R"(["echo", "{{a}} {a}"])"), R"({"a": "b"})").text, R"({"result": "{a} b"})");
  ToolBox box;
  EXPECT_FALSE(AddUserTools(box, "/nonexistent/tools.json", {}).ok());
}

TEST(UserToolsTest, SchemasKeepTheirOrder) {
  const auto tools = ParseUserTools(Tool(R"(["x"])"), "f");
  ASSERT_TRUE(tools.ok());
  EXPECT_EQ((*tools)[0].definition.parameters.find(R"({"type":"object","properties":{"a")"), 0u);
}

}  // namespace
}  // namespace mains
