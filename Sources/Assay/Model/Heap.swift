/// A binary heap: the smallest element comes out first.
struct Heap<Element: Comparable> {
    private var elements: [Element] = []

    var first: Element? { elements.first }
    var count: Int { elements.count }

    mutating func insert(_ element: Element) {
        elements.append(element)
        var index = elements.count - 1
        while index > 0, elements[index] < elements[(index - 1) / 2] {
            elements.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func popFirst() -> Element? {
        guard let first = elements.first else { return nil }
        let last = elements.removeLast()
        if elements.isEmpty { return first }
        elements[0] = last
        var index = 0
        while case let child = 2 * index + 1, child < elements.count {
            let smaller = child + 1 < elements.count && elements[child + 1] < elements[child] ? child + 1 : child
            guard elements[smaller] < elements[index] else { break }
            elements.swapAt(index, smaller)
            index = smaller
        }
        return first
    }
}
