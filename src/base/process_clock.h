// How long this process has been alive, for saying how long a user waited.
#pragma once

namespace mains {

// From the moment the process was made (before exec and the loading of shared libraries), to within one
// clock tick of the kernel (10 ms), never too short. Where /proc is missing: from the first call.
double SecondsSinceProcessStart();

}  // namespace mains
