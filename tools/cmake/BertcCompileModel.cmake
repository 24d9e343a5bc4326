# bertc_compile_model(TARGET DIR [OPTIONS option...])
#
# Makes TARGET, a shared library to link against, from the Hugging Face directory
# DIR. It is compiled again when a file of the directory, or bertc itself,
# changes. OPTIONS go to `bertc compile`. The generated header is TARGET.h; both
# are in ${CMAKE_CURRENT_BINARY_DIR}/TARGET.
function(bertc_compile_model target directory)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "OPTIONS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "bertc_compile_model: unexpected "
      "'${arg_UNPARSED_ARGUMENTS}', expected TARGET DIR [OPTIONS option...]")
  endif()
  get_filename_component(directory "${directory}" ABSOLUTE)
  if(NOT EXISTS "${directory}/config.json")
    message(FATAL_ERROR "bertc_compile_model: no config.json in '${directory}', "
      "expected a Hugging Face directory")
  endif()
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}")
  set(library "${folder}/${target}.so")
  set(header "${folder}/${target}.h")
  file(MAKE_DIRECTORY "${folder}")
  file(GLOB_RECURSE inputs CONFIGURE_DEPENDS "${directory}/*")
  add_custom_command(
    OUTPUT "${library}" "${header}"
    COMMAND "$<TARGET_FILE:bertc::bertc>" compile "${directory}" -o "${library}"
      ${arg_OPTIONS}
    DEPENDS ${inputs} "${BERTC_EXECUTABLE}"
    COMMENT "Compiling the model ${target}"
    VERBATIM
  )
  add_custom_target(${target}_compile DEPENDS "${library}" "${header}")
  add_library(${target} SHARED IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION "${library}"
    INTERFACE_INCLUDE_DIRECTORIES "${folder}"
    INTERFACE_LINK_LIBRARIES bertc::headers
  )
  add_dependencies(${target} ${target}_compile)
endfunction()
