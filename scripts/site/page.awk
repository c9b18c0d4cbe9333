# A page as Doxygen is to read it. GitHub's $...$ becomes Doxygen's formulas, headings get names, and links lead to what
# the site has: headers, pages, example programs and results; what it has not stays as text.
BEGIN { display = 0 }
FNR == 1 { page = FILENAME; sub(/.*\//, "", page); sub(/\.md$/, "", page) }

/^ *```/ { fenced = !fenced; print; next }
fenced || /^    / { print; next }

/^#+ / { gsub(/`/, "") }
/^##+ / {
  name = tolower($0)
  gsub(/^#+ +|[^a-z0-9 _-]/, "", name)
  gsub(/ /, "-", name)
  print links($0) " {#" page "-" name "}"
  next
}
{ print formulas(links($0)) }

function links(text,   done, whole, label, target) {
  done = ""
  while (match(text, /!?\[[^]]*\]\([^()]+\)/)) {
    whole = substr(text, RSTART, RLENGTH)
    done = done substr(text, 1, RSTART - 1)
    text = substr(text, RSTART + RLENGTH)
    label = whole; sub(/\]\([^()]+\)$/, "", label); sub(/^!?\[/, "", label)
    target = whole; sub(/^.*\]\(/, "", target); sub(/\)$/, "", target)
    if (whole ~ /^!/) sub(/\([^()]*\//, "(", whole)  # pictures are found by their names
    done = done (whole ~ /^!/ || target ~ /^https?:/ ? whole : link(label, target))
  }
  return done text
}

function link(label, target,   file, plain) {
  plain = label; gsub(/`/, "", plain)  # Doxygen takes no code in the text of a reference
  if (target ~ /^#/) return "[" plain "](@ref " page "-" substr(target, 2) ")"
  if (target ~ /\.md#/) {
    file = target; sub(/.*\//, "", file); sub(/\.md#/, "-", file)
    return "[" plain "](@ref " file ")"
  }
  if (target ~ /\.md$/ && target !~ /(data\/.*|packaging)\/README\.md|SECURITY\.md/) return "[" plain "](" target ")"
  if (target ~ /include\/paser\/.*\.hpp$/) {
    sub(/.*include\//, "", target)
    return "[" plain "](@ref " target ")"
  }
  if (target ~ /examples\/[a-z_]+\.cpp$/) {
    sub(/.*\//, "", target); sub(/\.cpp$/, "", target)
    return "[" label "](" target "_8cpp-example.html)"
  }
  if (target ~ /results\/[^\/]*\.(json|svg)$/) {
    sub(/.*results\//, "results/", target)
    return "[" label "](" target ")"
  }
  return label
}

# Formulas, but not in `code`.
function formulas(text,   parts, n, i, out) {
  n = split(text, parts, "`")
  out = ""
  for (i = 1; i <= n; ++i) {
    if (i % 2 == 0) {
      gsub(/%/, "%%", parts[i])  # which else keeps a word from being linked, and disappears
    } else {
      while (sub(/\$\$/, display ? "\\f]" : "\\f[", parts[i])) display = !display
      while (match(parts[i], /\$[^$]+\$/))
        parts[i] = substr(parts[i], 1, RSTART - 1) "\\f(" substr(parts[i], RSTART + 1, RLENGTH - 2) "\\f)" substr(parts[i], RSTART + RLENGTH)
    }
    out = out (i > 1 ? "`" : "") parts[i]
  }
  return out
}
