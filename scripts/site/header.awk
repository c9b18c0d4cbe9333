# A header as Doxygen is to read it: the comment before a namespace is the file's. Keeps the numbers of the lines.
function flush_comment() {
  if (blank) print (lines && /^namespace / ? "/// @file" : "")
  blank = 0
  for (i = 1; i <= lines; ++i) print comment[i]
  lines = 0
}
/^$/ && !lines { if (blank) print ""; blank = 1; next }
/^\/\/\/( |$)/ { comment[++lines] = $0; next }
{ flush_comment(); print }
END { $0 = ""; flush_comment() }
