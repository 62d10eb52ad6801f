# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Osier authors

# What others build on: osier::osier (libosier: one node and the cluster) and osier::core (libosier-core: one
# node, no network), with their public headers, a CMake package and pkg-config files.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(OSIER_CORE_MODULES lib_core lib_message lib_fiber lib_scheduler lib_process lib_behaviour lib_trace)
set(OSIER_CLUSTER_MODULES dist_identity dist_link dist_zmq dist_sim dist_groups dist_names dist_net epmd_core epmd_client node_boot)

# osier_library(libosier osier EXPORT osier MODULES …): the modules that are there, and what they depend on.
function(osier_library target output)
    cmake_parse_arguments(L "" "EXPORT" "MODULES" ${ARGN})
    set(present)
    foreach(module ${L_MODULES})
        if(TARGET ${module})
            list(APPEND present ${module})
        endif()
    endforeach()
    if(NOT present)
        return()
    endif()
    osier_closure(modules ${present})
    set(objects)
    set(libraries)
    foreach(module ${modules})
        list(APPEND objects $<TARGET_OBJECTS:${module}>)
        get_property(needed TARGET ${module} PROPERTY OSIER_LIBRARIES)
        list(APPEND libraries ${needed})
    endforeach()
    list(REMOVE_DUPLICATES libraries)

    if(OSIER_PRELINK)
        set(whole ${PROJECT_BINARY_DIR}/${output}.o)
        string(REPLACE " " ";" flags "${CMAKE_C_FLAGS_RELEASE}")
        add_custom_command(OUTPUT ${whole} COMMAND ${CMAKE_C_COMPILER} ${flags} -fPIC -fno-semantic-interposition
            -flto -flto-partition=one -r -nostdlib -flinker-output=nolto-rel -o ${whole} ${objects}
            COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${whole} # what is not OSR_API is nobody's business
            DEPENDS ${modules} ${objects} COMMAND_EXPAND_LISTS VERBATIM)
        set_source_files_properties(${whole} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
        set(objects ${whole})
    endif()
    add_library(${target} ${objects})
    add_library(osier::${L_EXPORT} ALIAS ${target})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output} EXPORT_NAME ${L_EXPORT}
        LINKER_LANGUAGE C VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
    foreach(folder ${OSIER_PUBLIC_FOLDERS})
        target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/${folder}/include>)
    endforeach()
    target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_compile_options(${target} INTERFACE ${OSIER_USER_FLAGS})
    target_link_libraries(${target} PUBLIC Threads::Threads PRIVATE ${libraries})
    install(TARGETS ${target} EXPORT osier)

    set(name ${output})
    set(requires)
    foreach(pair ZMQ=libzmq SODIUM=libsodium MSGPACK=${MSGPACK_MODULE_NAME})
        string(REPLACE "=" ";" pair ${pair})
        list(GET pair 0 prefix)
        list(GET pair 1 package)
        if(PkgConfig::${prefix} IN_LIST libraries)
            string(APPEND requires " ${package}")
        endif()
    endforeach()
    set(scope "") # a static library hands its needs to the program
    if(BUILD_SHARED_LIBS)
        set(scope ".private")
    endif()
    file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/osier.pc.in ${PROJECT_BINARY_DIR}/${output}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${output}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

osier_library(libosier-core osier-core EXPORT core MODULES ${OSIER_CORE_MODULES})
osier_library(libosier osier EXPORT osier MODULES ${OSIER_CORE_MODULES} ${OSIER_CLUSTER_MODULES})

foreach(folder ${OSIER_PUBLIC_FOLDERS})
    if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/include/osier)
        install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder}/include/osier DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    endif()
endforeach()
foreach(program osier osier-epmd)
    if(TARGET ${program})
        install(TARGETS ${program})
    endif()
endforeach()

if(TARGET libosier)
    set(package ${CMAKE_INSTALL_LIBDIR}/cmake/osier)
    configure_package_config_file(cmake/osierConfig.cmake.in ${PROJECT_BINARY_DIR}/osierConfig.cmake
        INSTALL_DESTINATION ${package})
    write_basic_package_version_file(${PROJECT_BINARY_DIR}/osierConfigVersion.cmake COMPATIBILITY SameMinorVersion)
    install(EXPORT osier NAMESPACE osier:: FILE osierTargets.cmake DESTINATION ${package})
    install(FILES ${PROJECT_BINARY_DIR}/osierConfig.cmake ${PROJECT_BINARY_DIR}/osierConfigVersion.cmake
        DESTINATION ${package})
endif()
