# Each instruction set is one file, compiled for it alone; the chooser asks the processor before it
# calls in. -O3 because the register tiles live in small arrays that must be unrolled away.
set(x86_kernels ${PROJECT_SOURCE_DIR}/src/kernels/avx2/kernels.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/avx512/kernels.cc
                ${PROJECT_SOURCE_DIR}/src/kernels/avx512/vnni.cc)
set(x86_peaks avx2/peaks avx512/peaks avx512/peak_int8 avx512/peak_bf16 amx/peaks)
list(TRANSFORM x86_peaks REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/src/kernels/\\1.cc")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(optimise $<$<CONFIG:Release,RelWithDebInfo>:-O3>)
  # GCC 12's own AVX-512 header trips these (gcc.gnu.org/PR105593).
  set(quiet $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized> $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/kernels/avx2/kernels.cc PROPERTIES
    COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;${optimise}")
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/kernels/avx512/kernels.cc PROPERTIES
    COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;${optimise};${quiet}")
  function(add_peak file)
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/kernels/${file}.cc PROPERTIES
      COMPILE_OPTIONS "${ARGN};${optimise};${quiet}")
  endfunction()
  add_peak(avx2/peaks -mavx2 -mfma)
  add_peak(avx512/peaks -mavx512f)
  add_peak(avx512/peak_int8 -mavx512f -mavx512vnni)
  add_peak(avx512/peak_bf16 -mavx512f -mavx512bf16)
  add_peak(amx/peaks -mamx-tile -mamx-int8 -mamx-bf16)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/src/kernels/avx512/vnni.cc PROPERTIES
    COMPILE_OPTIONS "-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni;${optimise};${quiet}")
  if(MAINS_TESTS)
    set(objects "$<FILTER:$<TARGET_OBJECTS:mains_kernels>,INCLUDE,/(avx[0-9]+|amx)/>")
    add_test(NAME KernelsSymbols.AreNotShared COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM}
      "-DOBJECTS=$<JOIN:${objects},,>" -P ${PROJECT_SOURCE_DIR}/src/kernels/symbols_test.cmake)
  endif()
else()
  set_source_files_properties(${x86_kernels} ${x86_peaks} PROPERTIES HEADER_FILE_ONLY ON)
endif()
