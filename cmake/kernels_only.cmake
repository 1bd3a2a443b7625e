# The rooms that kernels stand on, and their tests, for a processor whose libraries are not installed: those that
# are needed come as source. Included with MAINS_KERNELS_ONLY.
find_package(Threads REQUIRED)

# fmt from its headers, by a link, so that no other header of this machine's own processor is found beside it.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/headers)
file(CREATE_LINK /usr/include/fmt ${CMAKE_BINARY_DIR}/headers/fmt SYMBOLIC)
add_library(mains_fmt INTERFACE)
target_include_directories(mains_fmt SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/headers)
target_compile_definitions(mains_fmt INTERFACE FMT_HEADER_ONLY)

if(MAINS_TESTS)
  enable_testing()
  include(GoogleTest)
  set(INSTALL_GTEST OFF)
  add_subdirectory(/usr/src/googletest ${CMAKE_BINARY_DIR}/googletest EXCLUDE_FROM_ALL)
  if(NOT TARGET GTest::gmock)
    add_library(GTest::gmock ALIAS gmock)
    add_library(GTest::gtest_main ALIAS gtest_main)
  endif()
endif()

include(cmake/rooms.cmake)
add_room(base LIBRARIES Threads::Threads mains_fmt)
add_room(tensor ROOMS base)
add_room(kernels ROOMS base tensor)
include(src/kernels/flags.cmake)
