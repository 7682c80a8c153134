import AssayCore
import CBytes

/// How a reader shares the machine with a run.
package enum Courtesy {
    /// From here on the process only gets idle time. If that is refused, it takes its normal share.
    package static func yieldToOthers() {
        _ = assay_schedule_when_idle()
    }
}
