# Copies headers into the folder `out` as Doxygen is to read them: the comment before a namespace is the file's. Keeps the
# numbers of the lines.
function write(text) { print text > copy }
function flush_comment(next_line) {
  if (blank) write(lines && next_line ~ /^namespace / ? "/// @file" : "")
  blank = 0
  for (i = 1; i <= lines; ++i) write(comment[i])
  lines = 0
}
FNR == 1 {
  if (copy != "") { flush_comment(""); close(copy) }
  copy = out "/" FILENAME
}
/^$/ && !lines { if (blank) write(""); blank = 1; next }
/^\/\/\/( |$)/ { comment[++lines] = $0; next }
{ flush_comment($0); write($0) }
END { flush_comment("") }
