import AssayCore
import CBytes

/// How a reader shares the machine with whoever scores.
package enum Courtesy {
    /// From here on the process runs when nobody else wants to. Where that is refused, it only takes its share.
    package static func yieldToOthers() {
        _ = assay_schedule_when_idle()
    }
}
