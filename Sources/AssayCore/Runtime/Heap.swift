/// A binary heap: the smallest element comes out first.
package struct Heap<Element: Comparable> {
    private var elements: [Element] = []

    package init() {}

    package var first: Element? { elements.first }
    var count: Int { elements.count }

    package mutating func insert(_ element: Element) {
        elements.append(element)
        // Uniqueness of the array is checked once, not for each element that moves.
        elements.withUnsafeMutableBufferPointer { elements in
            var hole = elements.count - 1
            while hole > 0, element < elements[(hole - 1) / 2] {
                elements[hole] = elements[(hole - 1) / 2]
                hole = (hole - 1) / 2
            }
            elements[hole] = element
        }
    }

    package mutating func popFirst() -> Element? {
        guard let last = elements.popLast() else { return nil }
        if elements.isEmpty { return last }
        return elements.withUnsafeMutableBufferPointer { elements in
            let first = elements[0]
            let count = elements.count
            var hole = 0
            while case let child = 2 * hole + 1, child < count {
                let smaller = child + 1 < count && elements[child + 1] < elements[child] ? child + 1 : child
                guard elements[smaller] < last else { break }
                elements[hole] = elements[smaller]
                hole = smaller
            }
            elements[hole] = last
            return first
        }
    }
}
