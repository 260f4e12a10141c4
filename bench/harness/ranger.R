# The forest of ranger for harness/ranger.py: one command a line on standard input, the seconds inside R,
# the peak in MiB, over that before the first command, and the bytes of the model on standard output. Arrays are files of doubles, column by column.
suppressMessages(library(ranger))
columns <- function(file, n, d) {
  values <- matrix(readBin(file, "double", n * d), n, d)
  colnames(values) <- paste0("x", seq_len(d))
  values
}
memory <- function(field) {
  line <- grep(paste0("^", field, ":"), readLines("/proc/self/status"), value = TRUE)
  as.double(gsub("[^0-9]", "", line)) / 1024
}
before <- memory("VmRSS")
commands <- file("stdin", "r")
while (length(line <- readLines(commands, 1)) == 1) {
  w <- strsplit(line, " ")[[1]]
  n <- as.integer(w[3])
  d <- as.integer(w[4])
  x <- columns(paste0(w[2], ".x"), n, d)
  if (w[1] == "fit") {
    y <- readBin(paste0(w[2], ".y"), "double", n)
    if (w[8] == "classification") y <- as.factor(y)
    mtry <- if (w[6] == "sqrt") max(1, floor(sqrt(d))) else max(1, floor(as.double(w[6]) * d))
    seconds <- system.time(model <- ranger(
      x = x, y = y, num.trees = as.integer(w[5]), mtry = mtry, min.node.size = 1,
      num.threads = as.integer(w[7]), seed = as.integer(w[9]), oob.error = FALSE,
      write.forest = TRUE, verbose = FALSE))[["elapsed"]]
  } else {
    seconds <- system.time(said <- predict(model, x, num.threads = as.integer(w[5]), verbose = FALSE)$predictions)[["elapsed"]]
    writeBin(as.double(as.character(said)), paste0(w[2], ".answer"))
  }
  peak <- memory("VmHWM") - before
  cat(seconds, peak, length(serialize(model, NULL)), "\n")
  flush(stdout())
}
