#include "app/tools/folder.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "app/tools/tool_box.h"

namespace mains {
namespace {

namespace fs = std::filesystem;

// A folder "inside" with friendly and hostile contents, and a secret beside it.
class FolderTest : public testing::TestWithParam<Folder::Resolve> {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "mains_folder_XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    root_ = base_ / "inside";
    fs::create_directories(root_ / "docs" / "old");
    Write(base_ / "secret.txt", "SECRET");
    Write(root_ / "a.txt", "alpha\nSolaranlagen in Köln\n");
    Write(root_ / "docs" / "b.md", "beta\nsolaranlagen again\n");
    Write(root_ / "docs" / "old" / "c.txt", "gamma");
    Write(root_ / ".hidden", "solaranlagen hidden");
    Write(root_ / "image.bin", std::string("solaranlagen\0\x01\x02", 15));
    Write(root_ / "latin1.txt", "caf\xe9 solaranlagen, and enough text around it to be taken for one");
    fs::create_symlink(base_ / "secret.txt", root_ / "link.txt");
    fs::create_symlink("../secret.txt", root_ / "relative.txt");
    fs::create_symlink(base_, root_ / "up");
    fs::create_symlink("docs", root_ / "docs_link");
    fs::create_symlink("loop", root_ / "loop");
    ASSERT_EQ(mkfifo((root_ / "pipe").c_str(), 0600), 0);
  }
  void TearDown() override { fs::remove_all(base_); }

  static void Write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  Folder folder() const { return Folder(root_, GetParam()); }

  fs::path base_, root_;
};

TEST_P(FolderTest, ReadsWhatIsInside) {
  EXPECT_EQ(folder().Read("a.txt", 100)->bytes, "alpha\nSolaranlagen in Köln\n");
  EXPECT_EQ(folder().Read("./docs//b.md", 100)->bytes, "beta\nsolaranlagen again\n");
  EXPECT_EQ(folder().Read("a.txt", 5)->bytes, "alpha");
  EXPECT_EQ(folder().Read("a.txt", 5)->file_bytes, 28);
  bool more = true;
  EXPECT_EQ(folder().List("docs/old", 10, more)->size(), 1u);
  EXPECT_FALSE(more);
  EXPECT_EQ(folder().List("", 2, more)->size(), 2u);
  EXPECT_TRUE(more);
}

TEST_P(FolderTest, NothingLeadsOut) {
  const std::string absolute = (base_ / "secret.txt").string();
  for (const std::string& path :
       {std::string("../secret.txt"), std::string("docs/../../secret.txt"), std::string("docs/.."), absolute,
        std::string("link.txt"), std::string("relative.txt"), std::string("up/secret.txt"),
        std::string("docs_link/b.md"), std::string("loop"), std::string("~/x"), std::string("a.txt\0", 6),
        std::string(5000, 'a'), std::string("up/inside/a.txt")}) {
    const Result<FileStart> file = folder().Read(path, 100);
    EXPECT_FALSE(file.ok()) << path;
    bool more = false;
    EXPECT_FALSE(folder().List(path, 100, more).ok()) << path;
  }
  for (const char* const path : {"..", "up", "docs_link", "/", "/proc/self/root", "docs/../.."}) {
    bool more = false;
    EXPECT_FALSE(folder().List(path, 100, more).ok()) << path;
  }
}

TEST_P(FolderTest, TheSystemsViewsAreNotRead) {
  const Folder disk("/", GetParam());
  EXPECT_FALSE(disk.Read("proc/self/root/etc/passwd", 100).ok());
  EXPECT_FALSE(disk.Read("proc/self/environ", 100).ok());
  EXPECT_FALSE(disk.Read("proc/self/cwd/a.txt", 100).ok());
  EXPECT_FALSE(disk.Read("proc/self/fd/0", 100).ok());
  EXPECT_FALSE(disk.Read("proc/version", 100).ok());
  EXPECT_FALSE(disk.Read("dev/zero", 100).ok());
}

TEST_P(FolderTest, OnlyOrdinaryFiles) {
  EXPECT_FALSE(folder().Read("pipe", 100).ok());  // and it does not wait for a writer
  EXPECT_NE(folder().Read("docs", 100).error().message.find("list_files"), std::string::npos);
  EXPECT_EQ(folder().Read("none.txt", 100).error().code, ErrorCode::kNotFound);
  bool more = false;
  EXPECT_NE(folder().List("a.txt", 100, more).error().message.find("not a folder"), std::string::npos);
  const int server = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name = (root_ / "socket").string();
  ASSERT_LT(name.size(), sizeof address.sun_path);
  name.copy(address.sun_path, name.size());
  ASSERT_EQ(bind(server, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_FALSE(folder().Read("socket", 100).ok());
  close(server);
}

INSTANTIATE_TEST_SUITE_P(All, FolderTest, testing::Values(Folder::Resolve::kBest, Folder::Resolve::kWalk),
                         [](const auto& instance) {
                           return instance.param == Folder::Resolve::kBest ? "Kernel" : "Walk";
                         });

class FileToolsTest : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    BuiltInOptions options;
    options.folder = root_;
    options.max_result_bytes = 400;
    ASSERT_TRUE(AddBuiltInTools(box_, options).ok());
  }
  std::string Call(std::string_view name, std::string_view arguments) {
    return box_.Call(name, arguments).text;
  }
  ToolBox box_;
};

TEST_P(FileToolsTest, Reads) {
  EXPECT_EQ(Call("read_file", R"({"path": "docs/b.md"})"), R"({"result": "beta\nsolaranlagen again\n"})");
  EXPECT_NE(Call("read_file", R"({"path": "image.bin"})").find("is no text file"), std::string::npos);
  EXPECT_NE(Call("read_file", R"({"path": "latin1.txt"})").find("\"note\": \"bytes that are no UTF-8"),
            std::string::npos);
  EXPECT_EQ(Call("read_file", R"({"path": "link.txt"})").find("SECRET"), std::string::npos);
  std::string text;
  for (int i = 0; i < 300; ++i) text += "é";
  Write(root_ / "long.txt", "x" + text);
  EXPECT_NE(
      Call("read_file", R"({"path": "long.txt"})").find("\"note\": \"only the first 399 of 601 bytes\""),
      std::string::npos);
}

TEST_P(FileToolsTest, Lists) {
  EXPECT_EQ(
      Call("list_files", "{}"),
      R"({"result": ["a.txt", "docs/", "docs_link", "image.bin", "latin1.txt", "link.txt", "loop", "pipe", )"
      R"("relative.txt", "up"], "note": "1 hidden not listed"})");
  EXPECT_EQ(Call("list_files", R"({"folder": "docs"})"), R"({"result": ["b.md", "old/"]})");
  for (int i = 0; i < 100; ++i) Write(root_ / "docs" / "old" / ("file" + std::to_string(i)), "");
  EXPECT_NE(Call("list_files", R"({"folder": "docs/old"})").find("more not listed"), std::string::npos);
}

TEST_P(FileToolsTest, Finds) {
  EXPECT_EQ(Call("find_text", R"({"text": "SOLARANLAGEN"})"),
            R"({"result": ["a.txt:2: Solaranlagen in Köln", "docs/b.md:2: solaranlagen again", )"
            R"("latin1.txt:1: caf� solaranlagen, and enough text around it to be taken for one"]})");
  EXPECT_EQ(Call("find_text", R"({"text": "gamma", "folder": "docs"})"),
            R"({"result": ["docs/old/c.txt:1: gamma"]})");
  EXPECT_EQ(Call("find_text", R"({"text": "secret"})"), R"({"result": [], "note": "no match"})");
  EXPECT_NE(Call("find_text", R"({"text": ""})").find("empty"), std::string::npos);
  EXPECT_NE(Call("find_text", R"({"text": "x", "folder": "up"})").find("error"), std::string::npos);
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "needle " + std::string(300, 'x') + "\n";
  Write(root_ / "many.txt", lines);
  EXPECT_NE(Call("find_text", R"({"text": "needle"})").find("\"note\": \"only the first 1 matches"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, FileToolsTest, testing::Values(Folder::Resolve::kBest),
                         [](const auto&) { return "Kernel"; });

}  // namespace
}  // namespace mains
