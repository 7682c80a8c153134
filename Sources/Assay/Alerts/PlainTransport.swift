/// The transport of channels that need no network: it only waits.
package final class PlainTransport: AlertTransport {
    private let bell = Mailbox<Bool>()

    package init() {}

    package func begin(_ delivery: AlertDelivery, token: Int) {
        preconditionFailure("what goes over the network has a transport of its own")
    }

    package func wait(seconds: Double) -> [(token: Int, outcome: AlertOutcome)] {
        _ = bell.receive(until: MonotonicClock.seconds + seconds)
        while bell.receiveNow() != nil {}
        return []
    }

    package var wake: @Sendable () -> Void { { [bell] in bell.send(true) } }
}
