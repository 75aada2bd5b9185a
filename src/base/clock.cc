#include "base/clock.h"

namespace freshet {

SystemClock& SystemClock::instance() {
  static SystemClock clock;
  return clock;
}

}  // namespace freshet
