# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# One module is one folder: osier_module(lib_core SOURCES heap.c err.c DEPENDS lib_message LIBRARIES PkgConfig::SODIUM)
# makes an object library. Internal headers are included by their path from the top of the tree
# ("lib/core/heap.h"), public ones as "osier/…"; so every arrow between folders can be read in the source.
#
# osier_program(osier SOURCES main.c MODULES node_boot LIBRARIES …) makes <build>/bin/osier; DEPENDS of the
# modules are followed. All programs together: the target `programs`.
#
# osier_unit_test(heap SOURCES test_heap.c MODULES lib_core [LIBRARIES …] [LABEL unit] [TIMEOUT 120] [SERIAL] [FIBERS])
# makes the program test_heap from modules and the check library, and registers it with ctest. FIBERS: once more, as
# heap_ucontext, with the fibers of machines that have no assembly (lib_fiber_ucontext in place of lib_fiber).
#
# osier_test(NAME LABEL integration COMMAND program argument… [TIMEOUT 120] [SERIAL]) registers any other test. It finds
# the programs in $OSIER_BIN_DIR and the tree in $OSIER_SOURCE_DIR. It passes with exit status 0; with
# 77 it was skipped and has printed "SKIP: reason". A line "N passed, N failed" in its output is counted as N tests.
#
# Labels: unit, house, integration, example, sim, fuzz run with every change; stress and lab only with `./run test all`.

find_package(PkgConfig REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_search_module(MSGPACK REQUIRED IMPORTED_TARGET msgpack msgpack-c)
if(OSIER_TESTS)
    pkg_check_modules(CHECK REQUIRED IMPORTED_TARGET check)
endif()

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic)

# A frame larger than a stack's guard (16 KiB) must not step over it: what builds on the library gets the flag, too.
include(CheckCCompilerFlag)
check_c_compiler_flag(-fstack-clash-protection OSIER_HAS_STACK_PROBES)
set(OSIER_USER_FLAGS "")
if(OSIER_HAS_STACK_PROBES)
    set(OSIER_USER_FLAGS -fstack-clash-protection)
endif()
add_compile_options(${OSIER_USER_FLAGS})
if(OSIER_WERROR)
    add_compile_options(-Werror)
endif()
if(CMAKE_C_COMPILER_ID MATCHES Clang)
    add_compile_options($<$<COMPILE_LANGUAGE:C>:-Wthread-safety>)
endif()
if(OSIER_SANITIZE)
    add_compile_options(-fsanitize=${OSIER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${OSIER_SANITIZE})
endif()
if(OSIER_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# A static library is one object that gcc has optimised as a whole: a message passes through a dozen small functions of
# several files, and what a program gains by seeing through them (a tenth in ./run bench ping_pong) needs no flag of
# its own this way. Programs of this tree that are made of the modules' objects are linked as usual.
set(prelink OFF)
if(CMAKE_C_COMPILER_ID STREQUAL GNU AND CMAKE_BUILD_TYPE STREQUAL Release AND NOT OSIER_SANITIZE AND NOT BUILD_SHARED_LIBS)
    set(prelink ON)
endif()
option(OSIER_PRELINK "Optimise each static library as a whole (gcc)" ${prelink})
if(OSIER_PRELINK)
    set(OSIER_PRELINK_FLAGS -flto -ffat-lto-objects)
    add_link_options(-fno-lto)
endif()

# Where public headers live, in the folders that implement them.
set(OSIER_PUBLIC_FOLDERS lib dist epmd node)
add_custom_target(programs)

function(osier_module name)
    cmake_parse_arguments(M "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
    add_library(${name} OBJECT ${M_SOURCES})
    target_compile_options(${name} PRIVATE ${OSIER_PRELINK_FLAGS})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    foreach(folder ${OSIER_PUBLIC_FOLDERS})
        target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/${folder}/include)
    endforeach()
    target_link_libraries(${name} PUBLIC ${M_LIBRARIES} Threads::Threads)
    set_property(TARGET ${name} PROPERTY OSIER_DEPENDS "${M_DEPENDS}")
    set_property(TARGET ${name} PROPERTY OSIER_LIBRARIES "${M_LIBRARIES}")
endfunction()

# The modules and all they depend on, each once.
function(osier_closure ret)
    set(todo ${ARGN})
    set(done)
    while(todo)
        list(POP_FRONT todo module)
        if(NOT module IN_LIST done)
            list(APPEND done ${module})
            get_property(more TARGET ${module} PROPERTY OSIER_DEPENDS)
            list(APPEND todo ${more})
        endif()
    endwhile()
    set(${ret} ${done} PARENT_SCOPE)
endfunction()

function(osier_executable name)
    cmake_parse_arguments(P "UCONTEXT" "FOLDER" "SOURCES;MODULES;LIBRARIES" ${ARGN})
    osier_closure(modules ${P_MODULES})
    if(P_UCONTEXT)
        list(TRANSFORM modules REPLACE "^lib_fiber$" lib_fiber_ucontext)
    endif()
    add_executable(${name} ${P_SOURCES})
    target_link_libraries(${name} PRIVATE ${modules} ${P_LIBRARIES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${P_FOLDER})
endfunction()

function(osier_program name)
    osier_executable(${name} FOLDER bin ${ARGN})
    add_dependencies(programs ${name})
endfunction()

function(osier_unit_test name)
    cmake_parse_arguments(T "SERIAL;FIBERS" "LABEL;TIMEOUT" "SOURCES;MODULES;LIBRARIES" ${ARGN})
    if(NOT OSIER_TESTS)
        return()
    endif()
    osier_executable(test_${name} FOLDER test SOURCES ${T_SOURCES} MODULES ${T_MODULES}
        LIBRARIES ${T_LIBRARIES} PkgConfig::CHECK)
    osier_register(${name} "${T_LABEL}" "${T_TIMEOUT}" ${T_SERIAL} test_${name})
    if(T_FIBERS AND TARGET lib_fiber_ucontext)
        osier_executable(test_${name}_ucontext UCONTEXT FOLDER test SOURCES ${T_SOURCES} MODULES ${T_MODULES}
            LIBRARIES ${T_LIBRARIES} PkgConfig::CHECK)
        osier_register(${name}_ucontext "${T_LABEL}" "${T_TIMEOUT}" ${T_SERIAL} test_${name}_ucontext)
    endif()
endfunction()

function(osier_test name)
    cmake_parse_arguments(T "SERIAL" "LABEL;TIMEOUT" "COMMAND" ${ARGN})
    if(OSIER_TESTS)
        osier_register(${name} "${T_LABEL}" "${T_TIMEOUT}" ${T_SERIAL} ${T_COMMAND})
    endif()
endfunction()

function(osier_register name label timeout serial)
    if(NOT label)
        set(label unit)
    endif()
    if(NOT timeout)
        set(timeout 120)
    endif()
    math(EXPR timeout "${timeout} * ${OSIER_TIMEOUT_FACTOR}")
    add_test(NAME ${name} COMMAND ${ARGN})
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout} SKIP_RETURN_CODE 77
        RUN_SERIAL ${serial} ENVIRONMENT
        "OSIER_BIN_DIR=${PROJECT_BINARY_DIR}/bin;OSIER_SOURCE_DIR=${PROJECT_SOURCE_DIR}")
endfunction()
