# Each instruction set is a few files, compiled for it alone; the chooser asks the processor before it
# calls in. -O3 because the register tiles live in small arrays that must be unrolled away.
set(x86_kernels ${PROJECT_SOURCE_DIR}/src/kernels/avx2/kernels.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/avx2/vnni.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/avx512/kernels.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/avx512/bw.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/avx512/vnni.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/avx512/vbmi.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/avx512/bf16.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/amx/int8.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/amx/bf16.cc)
set(arm_kernels ${PROJECT_SOURCE_DIR}/src/kernels/neon/kernels.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/neon/dot.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/neon/peaks.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/neon/peak_int8.cc)
set(x86_peaks avx2/peaks avx2/peak_int8 avx512/peaks avx512/peak_int8 avx512/peak_bf16 amx/peaks)
list(TRANSFORM x86_peaks REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/src/kernels/\\1.cc")
set(optimise $<$<CONFIG:Release,RelWithDebInfo>:-O3>)
# GCC 12's own AVX-512 header trips these (gcc.gnu.org/PR105593).
set(quiet $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized> $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
function(compile_for file)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/kernels/${file}.cc PROPERTIES
    COMPILE_OPTIONS "${ARGN};${optimise};${quiet}")
endfunction()
set(others ${x86_kernels} ${x86_peaks} ${arm_kernels})
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(avx2 -mavx2 -mfma -mf16c)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512vl -mavx512dq)
  set(vnni ${avx512} -mavx512vnni)
  compile_for(avx2/kernels ${avx2})
  compile_for(avx2/vnni ${avx2} -mavxvnni)
  compile_for(avx512/kernels ${avx512})
  compile_for(avx512/bw ${avx512})
  compile_for(avx512/vnni ${vnni})
  compile_for(avx512/vbmi ${vnni} -mavx512vbmi)
  compile_for(avx512/bf16 ${vnni} -mavx512bf16)
  compile_for(amx/int8 ${vnni} -mavx512vbmi)
  compile_for(amx/bf16 ${vnni} -mavx512bf16)
  compile_for(avx2/peaks -mavx2 -mfma)
  compile_for(avx2/peak_int8 -mavx2 -mavxvnni)
  compile_for(avx512/peaks -mavx512f)
  compile_for(avx512/peak_int8 -mavx512f -mavx512vnni)
  compile_for(avx512/peak_bf16 -mavx512f -mavx512bf16)
  compile_for(amx/peaks)
  set(others ${arm_kernels})
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  compile_for(neon/kernels -march=armv8-a)
  compile_for(neon/dot -march=armv8.2-a+dotprod)
  compile_for(neon/peaks -march=armv8-a)
  compile_for(neon/peak_int8 -march=armv8.2-a+dotprod)
  set(others ${x86_kernels} ${x86_peaks})
endif()
set_source_files_properties(${others} PROPERTIES HEADER_FILE_ONLY ON)
if(MAINS_TESTS AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64|aarch64|arm64)$")
  set(objects "$<FILTER:$<TARGET_OBJECTS:mains_kernels>,INCLUDE,/(avx[0-9]+|amx|neon)/>")
  add_test(NAME KernelsSymbols.AreNotShared COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM}
    "-DOBJECTS=$<JOIN:${objects},,>" -P ${PROJECT_SOURCE_DIR}/src/kernels/symbols_test.cmake)
endif()
