#include "app/model_argument.h"

#include <algorithm>
#include <filesystem>

#include "io/hub/model_path.h"

namespace mains {

bool MeansModel(const std::string& argument) {
  std::error_code error;
  if (argument.find('\0') == std::string::npos && std::filesystem::exists(argument, error)) return true;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool has_letter = std::any_of(argument.begin(), argument.end(), is_letter);
  const bool has_space = argument.find_first_of(" \t\r\n") != std::string::npos;
  return has_letter && !has_space && (argument.ends_with(".gguf") || HubNameOf(argument).ok());
}

}  // namespace mains
