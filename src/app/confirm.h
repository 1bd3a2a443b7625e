// A question to the person at the terminal that is answered with y or n.
#pragma once

#include <functional>
#include <string>

namespace mains {

// Whether there is somebody to ask: standard input and stderr are terminals.
bool CanAsk();

enum class Consent { kYes, kNo, kCancelled };

// Shows the question and waits for a line; only "y" and "yes" (in any case; also in German and Chinese) mean
// yes, the end of the input means no. What was typed before the question was shown does not answer it.
// `cancelled` is asked while waiting; it may be left out.
Consent AskForConsent(const std::string& question, const std::function<bool()>& cancelled);

}  // namespace mains
